import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { DataFolderInUseError, lockDataFolder } from '@/infrastructure/database/data-folder-lock';

const lockFile = join(import.meta.dirname, '../src/infrastructure/database/data-folder-lock.ts');

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-lock-'));
  return () => rmSync(folder, { recursive: true });
});

test('a folder is locked once, until it is released', () => {
  const lock = lockDataFolder(join(folder, 'made', 'as needed'));
  expect(() => lockDataFolder(join(folder, 'made', 'as needed'))).toThrow(DataFolderInUseError);
  lock.release();
  lockDataFolder(join(folder, 'made', 'as needed')).release();
});

test('another process is refused at once, and told what to do', async () => {
  const owner = await lockInChild();
  expect(() => lockDataFolder(folder)).toThrow(
    `Another process is using the data folder ${folder}. Stop that one, or give this one a folder ` +
      'of its own: DATA_DIR=/another/folder npm start. Several nodes share a folder with a Postgres ' +
      '(DATABASE_URL) and a Redis (REDIS_URL).',
  );
  await end(owner, 'SIGTERM');
});

test('the lock ends with its process, however that ends', async () => {
  const owner = await lockInChild();
  await end(owner, 'SIGKILL');
  expect(() => lockDataFolder(folder).release()).not.toThrow();
});

type Child = ChildProcessByStdio<null, Readable, null>;

async function lockInChild(): Promise<Child> {
  const code = `
    import { lockDataFolder } from ${JSON.stringify(lockFile)};
    globalThis.lock = lockDataFolder(${JSON.stringify(folder)});
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ['--conditions=@trunkline/source', '--input-type=module', '--eval', code],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  return child;
}

async function end(child: Child, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await once(child, 'exit');
}
