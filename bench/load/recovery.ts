import { quantile } from '../../test/lab/stall-meter.ts';
import type { Crowd } from './crowd.ts';

/** How all came back. */
export interface Recovery {
  /** Until the last had everything that it had missed. */
  readonly ms: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly deliveries: number;
}

/** What they must find. */
export interface RecoveryOptions {
  /** How many are on their way at once. */
  readonly concurrency: number;
  /** The number of the last event that each has missed. */
  readonly upTo: number;
}

/** All come back at once, and are back when they have heard the last event. */
export async function comeBack(
  crowd: Crowd,
  { concurrency, upTo }: RecoveryOptions,
): Promise<Recovery> {
  const backAtMs: number[] = [];
  const begin = performance.now();
  const before = crowd.deliveries;
  const missed = crowd.connections.reduce((sum, { last }) => sum + upTo - last, 0);
  const { promise, resolve } = Promise.withResolvers<void>();
  crowd.onHeard = (n) => {
    if (n === upTo) backAtMs.push(performance.now() - begin);
  };
  crowd.onceHeard(missed, resolve);
  await crowd.letIn(crowd.connections, concurrency);
  await crowd.unlessStuck(promise);
  crowd.onHeard = null;
  crowd.check();
  const deliveries = crowd.deliveries - before;
  if (deliveries !== missed) throw new Error(`${missed} were missed, ${deliveries} recovered`);
  const sorted = backAtMs.toSorted((a, b) => a - b);
  return {
    ms: sorted.at(-1) ?? 0,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    deliveries,
  };
}
