import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { count, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import type { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface CutPlan {
  readonly clients: number;
  readonly perSecond: number;
  /** For how long the subscriptions are away, each time. */
  readonly cutsMs: readonly number[];
  /** So often Redis throws all subscribers out. */
  readonly kills: number;
  /** Between two faults. */
  readonly calmMs: number;
  readonly seed: number;
}

/** P5: by then a publication that was lost on its way to the node has been delivered … */
const MOST_LATE_MS = 5_000;
/** … and by then, when the node has its connection back. */
const MOST_LATE_AGAIN_MS = 1_000;
const BETWEEN_KILLS_MS = 200;
/** A node comes back to Redis in less than that. */
const RETURN_MS = 10_000;

/** Only the subscriptions of the nodes break; their commands work. */
export const t24: Experiment = {
  name: 'T24',
  title: 'The subscriptions are cut, the commands are not',
  broken:
    'two nodes: their connections for subscriptions are reset and refused for 0.5, 2, 10 and 60 s, go silent ' +
    'for 60 s without an end, and are killed by Redis (`CLIENT KILL TYPE pubsub`) every 200 ms; 200 ' +
    'publications a second to 200 clients all the while',
  holds:
    'no client notices: what is lost on the way is delivered, in order, within 5 s and without a reconnect',
  run: async ({ scale, seed }) =>
    await subscriptionsCut({
      clients: Math.max(20, Math.round(200 * scale)),
      perSecond: 200,
      cutsMs: scale < 1 ? [500, 3_000] : [500, 2_000, 10_000, 60_000],
      kills: Math.round(100 * scale),
      calmMs: 2_000,
      seed,
    }),
};

export async function subscriptionsCut(plan: CutPlan): Promise<Story> {
  const lab = await Lab.open({ seed: plan.seed });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 5);
    const crowd = await lab.crowd({ make: 'raw', count: plan.clients, ...cast });
    await lab.load({ to, perSecond: plan.perSecond });
    const latencies = await breakAll(lab, crowd, plan);
    const verdict = await judge(lab);
    const { outcomes } = verdict.clients;
    const repaired = verdict.nodes.reduce((sum, { stats }) => sum + stats.counts.repaired, 0);
    const reconnects = Object.values(outcomes).reduce((sum, times) => sum + times, 0);
    const worst = Math.max(...[...latencies.values()].map(({ maxMs }) => maxMs));
    const blind = await withoutChecks(plan);
    return {
      happened: `${count(repaired)} publications were lost on their way to a node, and delivered from the stream.`,
      figures: {
        'reconnects of clients': count(reconnects),
        ...Object.fromEntries(
          [...latencies].map(([what, times]) => [`delivered after, ${what}`, latency(times)]),
        ),
        'all delivered, without the comparing, after a node had its subscriptions back': ms(
          blind.healedMs,
        ),
      },
      proofs: [{ what: 'a publication was lost on its way to a node', times: repaired }],
      verdicts: [verdict],
      controls: [blind.control],
      misses: reconnects > 0 ? [`Clients were told ${JSON.stringify(outcomes)}`] : [],
      late: [
        ...(worst > MOST_LATE_MS ? [`A publication came ${ms(worst)} after its call`] : []),
        ...(blind.healedMs > MOST_LATE_AGAIN_MS
          ? [`What was lost came only ${ms(blind.healedMs)} after the subscriptions were back`]
          : []),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** Breaks them in each way; gives how late publications came meanwhile. */
async function breakAll(
  lab: Lab,
  crowd: Crowd,
  { cutsMs, kills, calmMs }: CutPlan,
): Promise<Map<string, Histogram>> {
  const latencies = new Map<string, Histogram>();
  const during = async (what: string, fault: () => Promise<void>) => {
    await fault();
    await mendAll(lab);
    await sleep(calmMs);
    latencies.set(what, (await crowd.look()).latencies);
  };
  await during('calm', async () => {});
  for (const cutMs of cutsMs) {
    // oxlint-disable-next-line no-await-in-loop -- one cut after the other
    await during(`cut for ${ms(cutMs)}`, async () => {
      await cutAll(lab);
      await sleep(cutMs);
    });
  }
  const silentMs = Math.max(...cutsMs);
  await during(`silent for ${ms(silentMs)}`, async () => {
    await Promise.all(lab.nodes.map(({ subscriptions }) => subscriptions.blackhole()));
    await sleep(silentMs);
  });
  await during(`killed ${kills} times`, () => killSubscribers(lab, kills));
  return latencies;
}

async function cutAll({ nodes }: Lab): Promise<void> {
  const cut = async ({ subscriptions }: Lab['nodes'][number]) => {
    await subscriptions.refuse();
    await subscriptions.rst();
  };
  await Promise.all(nodes.map(cut));
}

async function mendAll({ nodes }: Lab): Promise<void> {
  await Promise.all(nodes.map(({ subscriptions }) => subscriptions.pass()));
}

async function killSubscribers({ redis }: Lab, kills: number): Promise<void> {
  for (let n = 0; n < kills; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- again and again is the point
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    // oxlint-disable-next-line no-await-in-loop -- see above
    await sleep(BETWEEN_KILLS_MS);
  }
}

/**
 * Nobody compares any more, and the last publication comes while the subscriptions are away: it is lost.
 * Once they are back it is delivered all the same.
 */
async function withoutChecks({
  seed,
  calmMs,
}: CutPlan): Promise<{ control: Control; healedMs: number }> {
  const lab = await Lab.open({ seed, limits: { gapCheckMs: Infinity } });
  try {
    const { to, ...cast } = castOf(['acme'], 1);
    const crowd = await lab.crowd({ make: 'raw', count: 4, ...cast });
    await lab.load({ to, perSecond: 50 });
    await sleep(calmMs);
    await cutAll(lab);
    const { violations, ledgers } = await judge(lab, { patienceMs: MOST_LATE_MS, isLeft: false });
    await mendAll(lab);
    await comesTrue(RETURN_MS, () => areConnected(lab), 5);
    const begin = performance.now();
    const lastIds = Object.fromEntries(ledgers.published.map(({ channel, id }) => [channel, id]));
    const isHealed = await comesTrue(RETURN_MS, async () => (await crowd.behind(lastIds)) === 0, 5);
    const off = 'the comparing of streams (`gapCheckMs`)';
    return {
      control: { off, expected: 'I7', violations },
      healedMs: isHealed ? performance.now() - begin : Infinity,
    };
  } finally {
    await lab.close();
  }
}

async function areConnected({ nodes }: Lab): Promise<boolean> {
  const reports = await Promise.all(nodes.map(({ process }) => process.report()));
  return reports.every(({ redis }) => redis?.isConnected);
}

function latency(times: Histogram): string {
  return `p50 ${ms(times.quantile(0.5))}, p99 ${ms(times.quantile(0.99))}, max ${ms(times.maxMs)}`;
}
