import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findProgram, findPrograms } from './find-program.ts';

/** A machine with these programs, and none of its folders on PATH. */
async function machineWith(...programs: string[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'trunkline-programs-'));
  vi.stubEnv('PATH', join(root, 'bin'));
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(root, { recursive: true });
  });
  for (const program of programs) {
    const path = join(root, program);
    // oxlint-disable-next-line no-await-in-loop -- a handful
    await mkdir(dirname(path), { recursive: true });
    // oxlint-disable-next-line no-await-in-loop -- see above
    await writeFile(path, '', { mode: 0o755 });
  }
  return root;
}

test('of several versions the newest is found', async () => {
  const root = await machineWith('pg/9.6/bin/postgres', 'pg/17/bin/postgres', 'pg/16/bin/postgres');
  expect(findPrograms(['postgres'], [`${root}/pg/*/bin`])).toBe(join(root, 'pg/17/bin'));
});

test('programs of one folder are wanted: one version must not start what another has made', async () => {
  const root = await machineWith('pg/16/postgres', 'pg/16/initdb', 'pg/17/postgres');
  expect(findPrograms(['postgres', 'initdb'], [`${root}/pg/*`])).toBe(join(root, 'pg/16'));
});

test('PATH comes first, and the first name before the second', async () => {
  const root = await machineWith('bin/valkey-server', 'sbin/valkey-server', 'sbin/redis-server');
  expect(findProgram(['valkey-server'], [`${root}/sbin`])).toBe(join(root, 'bin/valkey-server'));
  const either = findProgram(['redis-server', 'valkey-server'], [`${root}/sbin`]);
  expect(either).toBe(join(root, 'sbin/redis-server'));
});

test('what is not there is not found', async () => {
  const root = await machineWith();
  expect(findProgram(['redis-server'], [`${root}/sbin`])).toBeUndefined();
});
