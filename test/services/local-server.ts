import { ServerProcess, type ServerProgram } from './server-process.ts';
import type { TemporaryFolder } from './temporary-folder.ts';

/** A server of the tests' own, which they may freeze, kill and start again. */
export class LocalServer {
  /** Where it is reached: the same after every start. */
  readonly url: string;
  readonly #folder: TemporaryFolder;
  readonly #program: ServerProgram;
  #process: ServerProcess | null = null;

  constructor(url: string, folder: TemporaryFolder, program: ServerProgram) {
    this.url = url;
    this.#folder = folder;
    this.#program = program;
  }

  /** Starts it, the first time or again; resolves when it is ready, rejects with why it is not. */
  async start(): Promise<void> {
    if (this.#process?.hasEnded === false) throw new Error('It runs already: end it first.');
    this.#process = await ServerProcess.spawn(this.#program, this.#folder);
    try {
      await this.#process.whenReady();
    } catch (error) {
      await this.kill9();
      throw error;
    }
  }

  /** `kill -9` of all its processes; resolves when they are gone. */
  async kill9(): Promise<void> {
    await this.#process?.kill();
    this.#process = null;
  }

  /** Freezes it: its connections stay open, and nothing answers. */
  pause(): void {
    this.#process?.freeze();
  }

  /** Lets it go on after a pause. */
  resume(): void {
    this.#process?.thaw();
  }

  /** Ends it, whatever state it is in, for good: its data is removed. */
  async stop(): Promise<void> {
    await this.end();
    await this.#folder.remove();
  }

  /** Ends it as quickly as it can end in order. */
  protected async end(): Promise<void> {
    await this.#process?.end();
    this.#process = null;
  }
}
