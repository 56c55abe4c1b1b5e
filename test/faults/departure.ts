import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { peakOf } from '../lab/storm.ts';
import type { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { Watch } from './watch.ts';

/** How a node went that was told to (SIGTERM). */
export interface Departure {
  /** Connections that it had. */
  readonly size: number;
  /** After how long it said that it takes nobody any more. */
  readonly unreadyMs: number;
  /** From the signal to its end. */
  readonly exitMs: number;
  readonly exitCode: number | null;
  /** Most connections that the other nodes opened within a second. */
  readonly peak: number;
}

const LOOK_MS = 100;
const PATIENCE_MS = 40_000;

/** How a node is to go. */
export interface DepartOptions {
  /** Are all its clients elsewhere? Until then connections are counted. */
  readonly areBack: () => Promise<boolean>;
  /** It is told again so much later. Default: once. */
  readonly secondMs?: number;
}

/** Tells a node to go; resolves when it has gone, and its clients are back. */
export async function depart(
  lab: Lab,
  node: LabNode,
  { areBack, secondMs }: DepartOptions,
): Promise<Departure> {
  const { process } = node;
  const others = lab.nodes.filter((other) => other !== node);
  const { stats } = await process.report();
  const samples: { atMs: number; opened: number }[] = [];
  const watch = new Watch(LOOK_MS, async (atMs) => {
    samples.push({ atMs, opened: await openedBy(others) });
  });
  const begin = performance.now();
  const since = () => performance.now() - begin;
  process.terminate();
  const again =
    secondMs === undefined ? undefined : setTimeout(() => process.terminate(), secondMs);
  const unreadyMs = await untilUnready(process.port, since);
  const exitCode = await Promise.race([process.exited(), sleep(PATIENCE_MS, null)]);
  const exitMs = since();
  clearTimeout(again);
  await comesTrue(PATIENCE_MS, areBack);
  await watch.end();
  return { size: stats.connections, unreadyMs, exitMs, exitCode, peak: peakOf(samples) };
}

async function openedBy(nodes: readonly LabNode[]): Promise<number> {
  const reports = await Promise.all(nodes.map(({ process }) => process.report()));
  return reports.reduce((sum, { stats }) => sum + stats.counts.connectionsOpened, 0);
}

async function untilUnready(port: number, since: () => number): Promise<number> {
  while ((await readyStatus(port)) === 200 && since() < PATIENCE_MS) {
    // oxlint-disable-next-line no-await-in-loop -- again and again is the point
    await sleep(5);
  }
  return since();
}

/** What `/readyz` says; `null`: nothing, in so many milliseconds. */
export async function readyStatus(port: number, timeoutMs = 1_000): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const asking = request({
    host: '127.0.0.1',
    port,
    path: '/readyz',
    agent: false,
    timeout: timeoutMs,
  });
  asking.on('response', (response) => {
    response.resume();
    resolve(response.statusCode ?? null);
  });
  asking.on('error', () => resolve(null));
  asking.on('timeout', () => {
    resolve(null);
    asking.destroy();
  });
  asking.end();
  return await promise;
}
