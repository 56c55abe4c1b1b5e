import { type ChildProcess, spawn } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { User } from './ordinary-user.ts';

/** Reads who works in the folder, until whoever wrote it is gone; then sends them away. */
const cleanUp = `
folder=$1
while read -r line; do pids=$line; done
if [ -n "$pids" ]; then
  kill -CONT $pids
  kill -INT $pids
  sleep 1
  kill -KILL $pids
fi
rm -rf -- "$folder"
`;

/**
 * A folder for servers, which goes when this process does, however it dies, together with whoever
 * works in it: after a test run that was killed nobody else would see to that. A small shell waits
 * for its input to end, in a session of its own, so that what kills the run does not reach it.
 */
export class TemporaryFolder {
  readonly path: string;
  readonly #guard: ChildProcess;

  /** Makes one that only its owner can open. */
  static async make(name: string, owner?: User): Promise<TemporaryFolder> {
    const path = await mkdtemp(join(tmpdir(), `trunkline-${name}-`));
    if (owner) await chown(path, owner.uid, owner.gid);
    return new TemporaryFolder(path);
  }

  private constructor(path: string) {
    this.path = path;
    this.#guard = spawn('sh', ['-c', cleanUp, 'trunkline-clean-up', path], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Where there is no such shell the folder stays behind after a kill, and nothing else.
    this.#guard.on('error', () => {});
    this.#guard.stdin?.on('error', () => {});
    this.#guard.unref();
  }

  /** Says which processes work in it from now on: these, and no others. */
  occupy(pids: readonly number[]): void {
    this.#guard.stdin?.write(`${pids.join(' ')}\n`);
  }

  /** Removes it; nobody may work in it any more. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    this.#guard.kill('SIGKILL');
  }
}
