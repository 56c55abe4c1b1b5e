import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';

/** The built demo, running in a process of its own with data of its own. */
export interface DemoServer {
  readonly port: number;
  readonly url: string;
  /** Ctrl-C: resolves with the exit code and how long it took. */
  stop(): Promise<{ code: number | null; ms: number }>;
  /** `kill -9`, then a new process on the same port with the same data; `between` is the time without one. */
  crash(between?: () => Promise<void>): Promise<void>;
}

const START_LIMIT_MS = 40_000;

/** Starts the demo on a free port, and waits until it answers. */
export async function startDemo(env: Record<string, string> = {}): Promise<DemoServer> {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), 'trunkline-e2e-'));
  const url = `http://127.0.0.1:${port}`;
  const start = () => launch(url, { PORT: String(port), DATA_DIR: dataDir, ...env });
  let child = await start();
  return {
    port,
    url,
    stop: async () => {
      const startedAt = performance.now();
      await end(child, 'SIGINT');
      await rm(dataDir, { recursive: true, force: true });
      return { code: child.exitCode, ms: performance.now() - startedAt };
    },
    crash: async (between) => {
      await end(child, 'SIGKILL');
      await between?.();
      child = await start();
    },
  };
}

async function launch(url: string, env: Record<string, string>): Promise<ChildProcess> {
  const child = spawn('node', ['--enable-source-maps', 'apps/demo/server/dist/main.js'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await answering(`${url}/api/health`, child, collect(child));
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function answering(url: string, child: ChildProcess, output: string[]): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const response = await fetch(url).catch(() => null);
    if (response?.ok) return;
    // There is no event to wait for before the port is open.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill('SIGKILL');
  throw new Error(`The demo did not start:\n${output.join('')}`);
}

function collect(child: ChildProcess): string[] {
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  }
  return output;
}
