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
}

const START_LIMIT_MS = 40_000;

/** Starts the demo on a free port, and waits until it answers. */
export async function startDemo(env: Record<string, string> = {}): Promise<DemoServer> {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), 'trunkline-e2e-'));
  const child = spawn('node', ['--enable-source-maps', 'apps/demo/server/dist/main.js'], {
    env: { ...process.env, PORT: String(port), DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const url = `http://127.0.0.1:${port}`;
  await answering(`${url}/api/health`, child, output);
  return {
    port,
    url,
    stop: async () => {
      const startedAt = performance.now();
      if (child.exitCode === null) {
        child.kill('SIGINT');
        await once(child, 'exit');
      }
      await rm(dataDir, { recursive: true, force: true });
      return { code: child.exitCode, ms: performance.now() - startedAt };
    },
  };
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
