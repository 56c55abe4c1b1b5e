import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { DemoCluster } from './demo-cluster.ts';
import { DemoProcess } from './demo-process.ts';

/** The built demo, with data of its own: one process, or with `DEMO=cluster` two nodes behind nginx. */
export interface DemoServer {
  readonly port: number;
  readonly url: string;
  /** Ctrl-C: resolves with the exit code and how long it took. */
  stop(): Promise<{ code: number | null; ms: number }>;
  /** `kill -9` of every process, then new ones on the same ports with the same data; `between` is the time without any. */
  crash(between?: () => Promise<void>): Promise<void>;
}

/** Do the tests run against several nodes? */
export const isCluster: boolean = process.env['DEMO'] === 'cluster';

/** Starts the demo on a free port, and waits until it answers. */
export function startDemo(env: Record<string, string> = {}): Promise<DemoServer> {
  return isCluster ? startNodes(env) : startProcess(env);
}

async function startProcess(env: Record<string, string>): Promise<DemoServer> {
  const port = await freePort();
  const dataDir = await mkdtemp(join(tmpdir(), 'trunkline-e2e-'));
  const url = `http://127.0.0.1:${port}`;
  // a Postgres and a Redis that the other tests are given are not for this one
  const own = { PORT: String(port), DATA_DIR: dataDir, DATABASE_URL: '', REDIS_URL: '' };
  const start = () => DemoProcess.start(url, { ...own, ...env });
  let demo = await start();
  return {
    port,
    url,
    stop: async () => {
      const startedAt = performance.now();
      const { code } = await demo.end('SIGINT');
      const ms = performance.now() - startedAt;
      await rm(dataDir, { recursive: true, force: true });
      return { code, ms };
    },
    crash: async (between) => {
      await demo.end('SIGKILL');
      await between?.();
      demo = await start();
    },
  };
}

async function startNodes(env: Record<string, string>): Promise<DemoServer> {
  const cluster = await DemoCluster.start({ nodes: 2, env });
  return {
    port: Number(new URL(cluster.url).port),
    url: cluster.url,
    stop: async () => {
      const startedAt = performance.now();
      const ended = await cluster.endNodes('SIGINT');
      const ms = performance.now() - startedAt;
      await cluster.stop();
      const failed = ended.find(({ code }) => code !== 0);
      return { code: failed ? failed.code : 0, ms };
    },
    crash: async (between) => {
      await cluster.endNodes('SIGKILL');
      await between?.();
      await cluster.startNodes();
    },
  };
}
