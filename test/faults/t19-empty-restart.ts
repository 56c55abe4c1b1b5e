import { setTimeout as sleep } from 'node:timers/promises';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { comesTrue } from '../comes-true.ts';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import type { Ledgers } from './ledgers.ts';
import { aftermathOf, type Outage } from './outage.ts';
import { type Return, returnsOf, subscriptionsIn } from './returns.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface EmptyRestartPlan {
  readonly clients: number;
  readonly restarts: number;
  /** For how long there is no Redis, each time. */
  readonly downMs: number;
  readonly perSecond: number;
  readonly seed: number;
}

/** By then everybody is live again (I7). */
const BACK_MS = 35_000;
const CALM_MS = 1_000;
/** Each client is in its own channel, its tenant's, and a room. */
const CHANNELS_EACH = 3;

/** Redis loses everything and comes back empty. */
export const t19: Experiment = {
  name: 'T19',
  title: 'Redis comes back empty',
  broken:
    'Redis, which keeps nothing on disk, is killed five times under 200 publications a second, and started ' +
    'again, empty, two seconds later; 1,000 clients in 3,000 subscriptions on three nodes',
  holds:
    'every stream gets a new epoch; every subscription gets one gap signal each time, and is live',
  run: async ({ scale, seed }) =>
    await emptyRestart({
      clients: Math.round(1_000 * scale),
      restarts: Math.ceil(5 * scale),
      downMs: 2_000,
      perSecond: 200,
      seed,
    }),
};

async function emptyRestart(plan: EmptyRestartPlan): Promise<Story> {
  const { clients, restarts, perSecond, seed } = plan;
  const lab = await Lab.open({ seed, nodes: 3, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 10);
    const crowd = await lab.crowd({ make: 'raw', count: clients, ...cast });
    await lab.load({ to, perSecond });
    const outages: Outage[] = [];
    for (let n = 1; n <= restarts; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      outages.push(await outage(lab, plan.downMs));
      // oxlint-disable-next-line no-await-in-loop -- see above
      await comesTrue(BACK_MS, () => areBack(crowd, n));
    }
    const verdict = await judge(lab);
    const { ledgers } = verdict;
    const subscriptions = subscriptionsIn(ledgers.compact);
    const returns = returnsOf(ledgers.compact);
    const times = new Histogram();
    for (const { at, recovered } of returns) {
      if (!recovered) times.add(at - lastEndBefore(at, outages));
    }
    const aftermaths = outages.map((each) => aftermathOf(ledgers.published, each));
    const refused = aftermaths.reduce((sum, each) => sum + each.refused, 0);
    const unfounded = aftermaths.reduce((sum, each) => sum + each.unfounded, 0);
    return {
      happened: `Redis came back empty ${restarts} times: ${count(verdict.clients.gaps)} gap signals; ${count(refused)} publishes were refused meanwhile.`,
      figures: {
        subscriptions: count(subscriptions),
        'gap signals': `${count(verdict.clients.gaps)}, one for each and restart would be ${count(restarts * subscriptions)}`,
        'in the new stream, after Redis was back': `p50 ${ms(times.quantile(0.5))}, p99 ${ms(times.quantile(0.99))}, max ${ms(times.maxMs)}`,
        'recovered, because sent to another node once more': count(verdict.clients.recovered),
        'the clients were told': tally(verdict.clients.outcomes),
      },
      proofs: [
        { what: 'a publish was refused because there was no Redis', times: refused },
        { what: 'a subscription had a gap signal', times: verdict.clients.gaps },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...miscounted(ledgers, returns, restarts),
        ...survived(ledgers.published, outages),
        ...(unfounded > 0 ? [`${unfounded} publishes were acknowledged without a Redis`] : []),
        ...(lab.nodes.every(({ process }) => process.isRunning) ? [] : ['A node has ended']),
      ],
    };
  } finally {
    await lab.close();
  }
}

async function outage({ redis }: Lab, downMs: number): Promise<Outage> {
  await sleep(CALM_MS);
  await redis.kill9();
  const beganAt = now();
  await sleep(downMs);
  await redis.start();
  const endedAt = now();
  return { beganAt, endedAt, seenAt: endedAt };
}

async function areBack(crowd: Crowd, restarts: number): Promise<boolean> {
  const { gaps } = await crowd.totals();
  return gaps >= crowd.size * CHANNELS_EACH * restarts && (await crowd.there()) === crowd.size;
}

function lastEndBefore(at: number, outages: readonly Outage[]): number {
  return outages.findLast(({ endedAt }) => endedAt <= at)?.endedAt ?? at;
}

/** Subscriptions that did not have exactly one gap signal for each outage. */
function miscounted(ledgers: Ledgers, returns: readonly Return[], outages: number): string[] {
  const gaps = returns.filter(({ recovered }) => !recovered);
  const bySubscription = Map.groupBy(gaps, ({ client, channel }) => `${client} in ${channel}`);
  const silent = subscriptionsIn(ledgers.compact) - bySubscription.size;
  const others = [...bySubscription].filter(([, own]) => own.length !== outages);
  const [first] = others;
  return [
    ...(silent > 0 ? [`${silent} subscriptions heard of nothing`] : []),
    ...(first
      ? [`${others.length} subscriptions: ${first[0]} had ${first[1].length} gap signals`]
      : []),
  ];
}

/** Epochs of before an outage that were given after it. */
function survived(published: readonly Published[], outages: readonly Outage[]): string[] {
  return outages.flatMap(({ beganAt, endedAt }) => {
    const before = new Set(epochsOf(published, ({ settledAt = 0 }) => settledAt < beganAt));
    const kept = epochsOf(published, ({ calledAt = 0 }) => calledAt > endedAt);
    return kept.some((epoch) => before.has(epoch)) ? ['A stream has kept its epoch'] : [];
  });
}

function epochsOf(published: readonly Published[], isOf: (one: Published) => boolean): string[] {
  return published.filter(isOf).flatMap(({ position }) => (position ? [position.epoch] : []));
}
