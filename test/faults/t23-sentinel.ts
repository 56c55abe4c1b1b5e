import { setTimeout as sleep } from 'node:timers/promises';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { count, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Experiment, Story } from './experiment.ts';
import { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import { SentinelGroup } from './sentinel-group.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface SentinelPlan {
  readonly clients: number;
  readonly perSecond: number;
  readonly failovers: number;
  readonly seed: number;
}

/** Full service is back by then (P8). */
const BACK_MS = 5_000;
const CALM_MS = 1_000;

/** Sentinel makes a replica the primary. */
export const t23: Experiment = {
  name: 'T23',
  title: 'Sentinel fails over',
  broken:
    'a primary with two replicas, watched by three Sentinels, which are told to fail over, 20 times; the old ' +
    'primary goes on as one for ten seconds, until a Sentinel makes it a replica; 200 publications a second on three ' +
    'nodes with 200 clients',
  holds:
    'nodes move to the new primary within 5 s; what the old one alone has had is lost with a gap signal',
  run: async ({ scale, seed }) =>
    await sentinelFailover({
      clients: Math.max(30, Math.round(200 * scale)),
      perSecond: 200,
      failovers: Math.ceil(20 * scale),
      seed,
    }),
};

async function sentinelFailover(plan: SentinelPlan): Promise<Story> {
  const group = await SentinelGroup.start();
  try {
    const engineOptions = { connection: group.connection, subscriberConnection: null };
    const lab = await Lab.open({ seed: plan.seed, nodes: 3, engineOptions });
    try {
      return await playOn(lab, group, plan);
    } finally {
      await lab.close();
    }
  } finally {
    await group.stop();
  }
}

/** One failover, times by the clock of `now`. */
interface Failover {
  readonly askedAt: number;
  readonly switchedAt: number;
  readonly settledAt: number;
}

async function playOn(
  lab: Lab,
  group: SentinelGroup,
  { clients, perSecond, failovers }: SentinelPlan,
): Promise<Story> {
  const { to, ...cast } = castOf(['acme', 'globex'], 10);
  await lab.crowd({ make: 'raw', count: clients, ...cast });
  await lab.load({ to, perSecond });
  const done: Failover[] = [];
  for (let n = 0; n < failovers; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    done.push(await failOver(group));
  }
  const verdict = await judge(lab);
  const { published } = verdict.ledgers;
  const outages = new Histogram();
  for (const each of done) outages.add(outageOf(each, published));
  const orphans = done.reduce((sum, each) => sum + orphansOf(each, published), 0);
  const redis = verdict.nodes.flatMap((node) => (node.redis ? [node.redis] : []));
  const sum = (of: (stats: (typeof redis)[number]) => number) =>
    redis.reduce((total, each) => total + of(each), 0);
  const { gaps } = verdict.clients;
  return {
    happened: `${failovers} times the nodes moved to another primary; ${count(gaps)} subscriptions had a gap signal.`,
    figures: {
      'a node without an acknowledgement for': `p50 ${ms(outages.quantile(0.5))}, max ${ms(outages.maxMs)}`,
      'acknowledged by an old primary after the switch, and lost with a gap signal': count(orphans),
      'refusals (READONLY, LOADING, …)': count(sum(({ refusals }) => refusals)),
      'connections of nodes that were lost': count(sum(({ connectionsLost }) => connectionsLost)),
    },
    proofs: [
      { what: 'the Sentinels named another primary', times: done.length },
      { what: 'a node lost its connection', times: sum(({ connectionsLost }) => connectionsLost) },
      { what: 'a subscription had a gap signal', times: gaps },
    ],
    verdicts: [verdict],
    controls: [],
    misses:
      outages.maxMs > BACK_MS
        ? [`A node had no acknowledgement for ${ms(outages.maxMs)} in a failover`]
        : [],
  };
}

async function failOver(group: SentinelGroup): Promise<Failover> {
  await sleep(CALM_MS);
  const askedAt = now();
  await group.failOver();
  const switchedAt = now();
  await group.settled();
  return { askedAt, switchedAt, settledAt: now() };
}

/** The longest time for which a node had nothing acknowledged. */
function outageOf({ askedAt, settledAt: end }: Failover, published: readonly Published[]): number {
  const accepted = published.filter(
    ({ outcome, settledAt = 0 }) =>
      outcome === 'accepted' && settledAt > askedAt && settledAt < end,
  );
  const byNode = Map.groupBy(accepted, ({ publisher }) => publisher);
  const longest = [...byNode.values()].map((ofNode) => {
    const times = [askedAt, ...ofNode.map(({ settledAt = 0 }) => settledAt), end].toSorted(
      (a, b) => a - b,
    );
    return times.reduce((most, at, n) => Math.max(most, at - (times[n - 1] ?? at)), 0);
  });
  return Math.max(0, ...longest);
}

/** What was stored in streams of before the switch, after it. */
function orphansOf(
  { askedAt, switchedAt, settledAt }: Failover,
  published: readonly Published[],
): number {
  const accepted = published.filter(({ outcome }) => outcome === 'accepted');
  const before = accepted.filter(({ settledAt: at = 0 }) => at < askedAt);
  const epochs = new Set(before.map(({ position }) => position?.epoch));
  return accepted.filter(
    ({ calledAt = 0, position }) =>
      calledAt > switchedAt && calledAt < settledAt && epochs.has(position?.epoch),
  ).length;
}
