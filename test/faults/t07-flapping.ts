import { setTimeout as sleep } from 'node:timers/promises';
import { defaultLimits } from '@trunkline/server';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import { judge, type Verdict } from './verdict.ts';
import { gapsInside } from './windows.ts';

/** How it is played. */
interface FlappingPlan {
  readonly stock: number;
  readonly raw: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly seed: number;
}

interface Run {
  readonly resets: number;
  readonly verdict: Verdict;
}

const AGES_MS = { fromMs: 200, toMs: 3_000 };
/** Of the negative control. */
const SMALL: Omit<FlappingPlan, 'seed'> = { stock: 2, raw: 8, seconds: 4, perSecond: 100 };

/** Everybody's connection breaks again and again. */
export const t07: Experiment = {
  name: 'T7',
  title: 'Connections that break all the time',
  broken:
    '500 clients (100 of them the stock `centrifuge` package) on two nodes; each connection gets a TCP ' +
    'reset when it is 0.2 to 3 s old, for 5 minutes; 200 publications a second to 20 rooms of two tenants',
  holds:
    'every client recovers what it missed, each time; nothing twice, nothing lost, no gap signal to who missed fewer than the history keeps',
  run: async ({ scale, seed }) =>
    await flapping({
      stock: Math.round(100 * scale),
      raw: Math.round(400 * scale),
      seconds: 300 * scale,
      perSecond: 200,
      seed,
    }),
};

export async function flapping(plan: FlappingPlan): Promise<Story> {
  const { resets, verdict } = await flap(plan);
  const { recovered, gaps, recoveries, outcomes } = verdict.clients;
  const { size } = defaultLimits.history;
  const needless = gapsInside(verdict.ledgers.readers(), size);
  const fault = 'a recovery leaves out what was missed';
  const spoiled = await flap({ ...SMALL, seed: plan.seed }, fault);
  return {
    happened:
      `${count(resets)} connections were reset; ${count(recovered)} subscriptions recovered what they had ` +
      'missed.',
    figures: {
      'gap signals inside the window': count(needless.length),
      [`gap signals of clients that missed more than ${size}`]: count(gaps - needless.length),
      'back in all channels after': `p50 ${ms(recoveries.quantile(0.5))}, p99 ${ms(recoveries.quantile(0.99))}`,
      'the clients were told': tally(outcomes),
    },
    proofs: [
      { what: 'a connection was reset', times: resets },
      { what: 'a subscription recovered', times: recovered },
    ],
    verdicts: [verdict],
    controls: [
      { off: 'what a recovery sends', expected: 'I3', violations: spoiled.verdict.violations },
    ],
    misses:
      needless.length > 0
        ? [`Inside the window there were gap signals, as ${JSON.stringify(needless[0])}`]
        : [],
  };
}

async function flap(
  { stock, raw, seconds, perSecond, seed }: FlappingPlan,
  fault?: string,
): Promise<Run> {
  const lab = await Lab.open({ seed, hasRemoteProxies: true, ...(fault ? { fault } : {}) });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 10);
    await lab.crowd({ make: 'stock', count: stock, ...cast });
    await lab.crowd({ make: 'raw', count: raw, ...cast });
    await lab.load({ to, perSecond });
    await Promise.all(lab.nodes.map(({ clients }) => clients.flap(AGES_MS)));
    await sleep(1_000 * seconds);
    await Promise.all(lab.nodes.map(({ clients }) => clients.pass()));
    const counts = await Promise.all(lab.nodes.map(({ clients }) => clients.counts()));
    const resets = counts.reduce((sum, each) => sum + each.resets, 0);
    return { resets, verdict: await judge(lab) };
  } finally {
    await lab.close();
  }
}
