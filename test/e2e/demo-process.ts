import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** How a process has ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DemoProcessOptions {
  /** In a group of its own, where Ctrl-C does not reach it: whoever starts it ends it. Default `false`. */
  readonly detached?: boolean;
}

const START_LIMIT_MS = 40_000;
/** As much of what it prints is kept: it may run for hours. */
const MAX_OUTPUT_LENGTH = 64 * 1024;

/** One life of the built demo. */
export class DemoProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #output = '';

  /** Starts it, and waits until it answers at this URL. */
  static async start(url: string, env: Record<string, string>): Promise<DemoProcess> {
    const demo = DemoProcess.spawn(env);
    await demo.answering(url);
    return demo;
  }

  /** Starts it: it is there, and does not answer yet. */
  static spawn(
    env: Record<string, string>,
    { detached = false }: DemoProcessOptions = {},
  ): DemoProcess {
    const child = spawn('node', ['--enable-source-maps', 'apps/demo/server/dist/main.js'], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached,
    });
    return new DemoProcess(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_OUTPUT_LENGTH);
      });
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The last that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Sends a signal that ends it; resolves when it has. */
  async end(signal: NodeJS.Signals): Promise<Ended> {
    if (!this.hasEnded) this.#child.kill(signal);
    return await this.ended;
  }

  /** Resolves when it answers at this URL. Rejects when it ends before, or takes too long: then it is ended. */
  async answering(url: string): Promise<void> {
    const deadline = Date.now() + START_LIMIT_MS;
    while (Date.now() < deadline && !this.hasEnded) {
      const response = await fetch(`${url}/api/health`).catch(() => null);
      if (response?.ok) return;
      // There is no event to wait for before the port is open.
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.end('SIGKILL');
    throw new Error(`The demo did not start:\n${this.#output}`);
  }
}
