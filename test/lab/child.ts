import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Who does what: the server has a core of its own, where there are two and `taskset`; `any`: wherever. */
export type Core = 'server' | 'others' | 'any';

/** What a child answers to a question. */
interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Can processes be given a core of their own here? */
export const isPinned: boolean =
  availableParallelism() > 1 && spawnSync('taskset', ['-p', String(process.pid)]).status === 0;

/**
 * Runs a file from the sources, with a fault in them: by default the one that the tests have seeded in
 * themselves, if any.
 */
export function fromSources(fault = process.env['TRUNKLINE_FAULT']): string[] {
  const preload = new URL('../seeded-faults/in-children.ts', import.meta.url);
  if (fault !== undefined) preload.searchParams.set('fault', fault);
  const faulty = fault === undefined ? [] : [`--import=${preload.href}`];
  return [process.execPath, '--conditions=@trunkline/source', ...faulty];
}

/** What stands before a command that is to run on this core; nothing, where that cannot be chosen. */
export function pinning(core: Core): string[] {
  if (!isPinned || core === 'any') return [];
  return ['taskset', '-c', core === 'server' ? '0' : '1'];
}

/** A process that answers questions. */
export class Child {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #exited: Promise<unknown>;
  #lastId = 0;

  /** Starts `file`, one of this folder or a whole URL, with the program that runs it. */
  constructor(file: string, core: Core, program: readonly string[] = fromSources()) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const [command = '', ...args]: string[] = [...pinning(core), ...program, path];
    this.#process = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message: Answer) => this.#answered(message));
    this.#exited = once(this.#process, 'exit').then(() => this.#lost());
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get hasExited(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** Asks for something; rejects when the child fails at it or is gone. */
  async ask<T>(question: string, options: unknown = {}): Promise<T> {
    this.#lastId += 1;
    const waiting = Promise.withResolvers<unknown>();
    this.#asked.set(this.#lastId, waiting);
    if (this.#process.connected) this.#process.send({ id: this.#lastId, question, options });
    else this.#lost();
    return (await waiting.promise) as T;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves when it is gone. */
  async exited(): Promise<void> {
    await this.#exited;
  }

  /** Takes its parent away: it ends by itself, and writes what it was told to write at its end. */
  async release(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#exited;
  }

  /** Ends it, however it is. */
  async kill(): Promise<void> {
    this.#process.kill('SIGCONT');
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #answered({ id, value, error }: Answer): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (error === undefined) asked?.resolve(value);
    else asked?.reject(new Error(error));
  }

  #lost(): void {
    for (const { reject } of this.#asked.values()) reject(new Error('the process is gone'));
    this.#asked.clear();
  }
}

/** What a child can be asked, by its question. */
export type Answers = Readonly<Record<string, (options: never) => unknown>>;

/** The child's side: answers until the parent is gone. */
export function answer(answers: Answers): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', (message: { id: number; question: string; options: never }) => {
    void reply(answers, message);
  });
}

async function reply(
  answers: Answers,
  { id, question, options }: { id: number; question: string; options: never },
): Promise<void> {
  try {
    process.send?.({ id, value: await answers[question]?.(options) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? String(error.stack) : String(error) });
  }
}
