import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DirectoryInUseError, lockDirectory } from '@trunkline/operations/pglite';
import { expect, onTestFinished, test } from 'vitest';

const program = fileURLToPath(new URL('./lock-holder.ts', import.meta.url));

async function newDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-lock-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return join(directory, 'deep', 'data');
}

/** Another process that takes a directory, and says whether it got it. */
async function takeElsewhere(directory: string): Promise<{ child: ChildProcess; says: unknown }> {
  const execArgv = ['--conditions=@trunkline/source', '--disable-warning=ExperimentalWarning'];
  const child = fork(program, [directory], { execArgv });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [says] = await once(child, 'message');
  return { child, says };
}

test('a second process is refused, and gets it when the first was killed', async () => {
  const directory = await newDirectory();
  const first = await takeElsewhere(directory);
  expect(first.says).toBe('mine');
  const second = await takeElsewhere(directory);
  expect(second.says).toBe(new DirectoryInUseError(directory).message);
  const [exitCode] = await once(second.child, 'exit');
  expect(exitCode).not.toBe(0);
  expect(() => lockDirectory(directory)).toThrow(DirectoryInUseError);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const third = await takeElsewhere(directory);
  expect(third.says).toBe('mine');
});

test('the same process gets it once, and again when it has let go', async () => {
  const directory = await newDirectory();
  const lock = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(DirectoryInUseError);
  lock.release();
  lock.release();
  lockDirectory(directory).release();
});

test('a lock that nobody holds on to is held all the same', async () => {
  const directory = await newDirectory();
  lockDirectory(directory);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let time = 0; time < 5; time += 1) {
    collect();
    // oxlint-disable-next-line no-await-in-loop -- finalizers run between turns
    await new Promise(setImmediate);
  }
  const other = await takeElsewhere(directory);
  expect(other.says).toBe(new DirectoryInUseError(directory).message);
});
