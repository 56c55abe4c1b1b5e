import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { User } from './ordinary-user.ts';
import { childrenOf, isRunning } from './process-tree.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

/** How a server is started and ended. */
export interface ServerProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly user?: User | undefined;
  /** What it reads from its standard input. */
  readonly input?: string;
  /** What it prints when it is ready. */
  readonly ready: RegExp;
  /** What it takes for the wish to end at once. */
  readonly endSignal: NodeJS.Signals;
}

const START_LIMIT_MS = 30_000;
const END_LIMIT_MS = 10_000;
/** Kept of what it prints, for the error that says why it did not start. */
const OUTPUT_LIMIT = 10_000;

/** One life of a server, with all the processes that it starts. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #pid: number;
  readonly #folder: TemporaryFolder;
  readonly #program: ServerProgram;
  readonly #exited: Promise<unknown>;
  #output = '';

  static async spawn(program: ServerProgram, folder: TemporaryFolder): Promise<ServerProcess> {
    const { command, args, user, input = '' } = program;
    // In a session of its own: Ctrl-C is for the tests, which end it.
    const how = { cwd: folder.path, env: plainEnvironment(), detached: true };
    const child = spawn(command, args, { ...how, ...user });
    await once(child, 'spawn');
    child.stdin.on('error', () => {}).end(input);
    return new ServerProcess(child, folder, program);
  }

  private constructor(child: ChildProcess, folder: TemporaryFolder, program: ServerProgram) {
    this.#child = child;
    this.#pid = child.pid ?? 0;
    this.#folder = folder;
    this.#program = program;
    // Its number may be somebody else's soon.
    this.#exited = once(child, 'exit').then(() => folder.occupy([]));
    folder.occupy([this.#pid]);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves then; rejects, with what it printed, when it never will be. */
  async whenReady(): Promise<void> {
    const { command, ready } = this.#program;
    const printed = new Promise<null>((resolve) => {
      const read = (text: string) => {
        this.#output = (this.#output + text).slice(-OUTPUT_LIMIT);
        if (ready.test(this.#output)) resolve(null);
      };
      this.#child.stdout?.setEncoding('utf8').on('data', read);
      this.#child.stderr?.setEncoding('utf8').on('data', read);
    });
    const ended = once(this.#child, 'close').then(
      ([code, signal]) => `it ended: ${code ?? signal}`,
    );
    const tooLate = `it was not ready after ${START_LIMIT_MS / 1000} s`;
    const late = delay(START_LIMIT_MS, tooLate, { ref: false });
    const problem = await Promise.race([printed, ended, late]);
    if (problem === null) return;
    throw new Error(`${command} did not start: ${problem}.\n${this.#output.trim()}`);
  }

  /** Stops it and its children in their tracks; returns who they are. */
  freeze(): number[] {
    if (this.hasEnded) return [];
    // First the one that could start more of them.
    send(this.#pid, 'SIGSTOP');
    const children = childrenOf(this.#pid);
    for (const pid of children) send(pid, 'SIGSTOP');
    // Frozen ones would not notice that their parent has died.
    this.#folder.occupy([this.#pid, ...children]);
    return [this.#pid, ...children];
  }

  thaw(): void {
    if (this.hasEnded) return;
    for (const pid of [...childrenOf(this.#pid), this.#pid]) send(pid, 'SIGCONT');
    this.#folder.occupy([this.#pid]);
  }

  /** Asks it to end, and makes it when it does not obey. */
  async end(): Promise<void> {
    if (this.hasEnded) return;
    this.thaw();
    send(this.#pid, this.#program.endSignal);
    await Promise.race([this.#exited, delay(END_LIMIT_MS, undefined, { ref: false })]);
    await this.kill();
  }

  /** Resolves when they are gone, all of them. */
  async kill(): Promise<void> {
    const pids = this.freeze();
    for (const pid of pids) send(pid, 'SIGKILL');
    await this.#exited;
    // Its children are not ours: there is no event to wait for.
    // oxlint-disable-next-line no-await-in-loop -- see above
    while (pids.some(isRunning)) await delay(5);
  }
}

/** Without the settings of whoever runs the tests (PGPORT, …), and in English. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C' };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}
