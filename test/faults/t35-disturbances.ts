import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from './lab.ts';

/** Something that is broken for a moment, again and again, while things are revoked. */
export interface Disturbance {
  readonly name: string;
  /** How long it lasts at most. */
  readonly lastsMs: number;
  /** Until the next time. */
  readonly pauseMs: number;
  /** The n-th time. */
  readonly run: (lab: Lab, n: number) => Promise<void>;
}

export const disturbances: readonly Disturbance[] = [
  {
    name: 'Redis was frozen for 3 and 1 s',
    lastsMs: 3_000,
    pauseMs: 2_000,
    run: async ({ redis }, n) => {
      redis.pause();
      await sleep(n % 2 === 0 ? 3_000 : 1_000);
      redis.resume();
    },
  },
  {
    name: 'a node’s subscriptions were refused for 3 s',
    lastsMs: 3_000,
    pauseMs: 2_000,
    run: async ({ nodes }, n) => {
      const cable = nodes[n % nodes.length]?.subscriptions;
      await cable?.refuse();
      await cable?.rst();
      await sleep(3_000);
      await cable?.pass();
    },
  },
  {
    name: 'a node was frozen for 1 s',
    lastsMs: 1_000,
    pauseMs: 1_000,
    run: async ({ nodes }, n) => {
      const process = nodes[n % nodes.length]?.process;
      process?.freeze();
      await sleep(1_000);
      process?.thaw();
    },
  },
];
