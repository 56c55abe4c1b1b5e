import { setTimeout as sleep } from 'node:timers/promises';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { count } from '../lab/report.ts';
import { type RedisServer, startRedis } from '../services/redis.ts';
import { castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Crowd } from './crowd.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import { Lab, MissingServerError } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { keyOf } from './person.ts';
import type { PublishOrder } from './publisher.ts';
import { idsIn } from './replica.ts';
import { silentLossesIn } from './silent-losses.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface SplitBrainPlan {
  readonly clients: number;
  readonly perSecond: number;
  readonly splits: number;
  /** For how long both are primaries before the first node moves, and between two that do. */
  readonly stepMs: number;
  readonly seed: number;
}

const ROOMS = 10;
/** What goes there is to be on a replica before it counts as sent. */
const DURABLE = ['room:8', 'room:9'];
const tenantIds = ['acme', 'globex'];
/** The node whose commands move before its subscriptions. */
const TORN = 1;
const CALM_MS = 2_000;

/** There are two primaries for a while, and nodes on both. */
export const t21: Experiment = {
  name: 'T21',
  title: 'Split brain',
  broken:
    'the replica of Redis is promoted while the old primary goes on acknowledging; three nodes move to the new one, one ' +
    'every two seconds, the second with its commands first; the old one is killed, and becomes the replica of the ' +
    'next round, five times; 200 publications a second, a fifth of them durable (`durable: { replicas: 1 }`); 200 ' +
    'clients, of whom some change their node with each step',
  holds:
    'what only the old primary has had is lost with a gap signal, never in silence; what was acknowledged as durable ' +
    'is on the promoted replica',
  run: async ({ scale, seed }) =>
    await splitBrain({
      clients: Math.max(30, Math.round(200 * scale)),
      perSecond: 200,
      splits: Math.ceil(5 * scale),
      stepMs: 2_000,
      seed,
    }),
};

async function splitBrain(plan: SplitBrainPlan): Promise<Story> {
  const { verdict, splits } = await splitAgain(plan, 'strict');
  const { gaps } = verdict.clients;
  const effects = splits.map((each) => effectOf(each, verdict.ledgers.published));
  const sum = (of: (effect: Effect) => number) =>
    effects.reduce((total, each) => total + of(each), 0);
  const orphans = sum((effect) => effect.orphans);
  const confirmed = sum((effect) => effect.confirmed);
  const lost = sum((effect) => effect.lost);
  const unfounded = sum((effect) => effect.unfounded);
  return {
    happened: `The old primaries acknowledged ${count(orphans)} publications that the new ones never had; ${count(gaps)} subscriptions had a gap signal.`,
    figures: {
      'silent losses': count(silentLossesIn(verdict)),
      'acknowledged as durable': count(confirmed),
      'of these lost': count(lost),
      'acknowledged as durable while there was no replica': count(unfounded),
    },
    proofs: [
      { what: 'the old primary alone acknowledged a publication', times: orphans },
      { what: 'a subscription had a gap signal', times: gaps },
      { what: 'a publication was acknowledged as durable', times: confirmed },
    ],
    verdicts: [verdict],
    controls: [await withoutFence(plan)],
    misses: [
      ...(lost > 0 ? [`${lost} durable publications were lost`] : []),
      ...(unfounded > 0 ? [`${unfounded} were acknowledged as durable without a replica`] : []),
    ],
  };
}

async function withoutFence(plan: SplitBrainPlan): Promise<Control> {
  const { verdict } = await splitAgain({ ...plan, splits: 1 }, 'off');
  return { off: 'the epoch fence', expected: 'I1', violations: verdict.violations };
}

/** What is known of one split, times by the clock of `now`. */
interface Split {
  readonly promotedAt: number;
  readonly endedAt: number;
  /** Since when there was a replica. */
  readonly copiedFrom: number;
  /** What the replica had when it was promoted. */
  readonly copied: ReadonlySet<string>;
}

async function splitAgain(
  { clients, perSecond, splits, stepMs, seed }: SplitBrainPlan,
  epochFence: 'strict' | 'off',
): Promise<{ readonly verdict: Verdict; readonly splits: readonly Split[] }> {
  const lab = await Lab.open({ seed, nodes: 3, engineOptions: { epochFence } });
  const other = await siblingOf(lab.redis);
  try {
    const { to, rooms } = castOf(tenantIds, ROOMS);
    const crowd = await lab.crowd({ make: 'raw', count: clients, tenantIds, rooms });
    // Without the fence nobody can tell which Redis has confirmed something.
    await lab.load({ to: epochFence === 'strict' ? to.map(durable) : to, perSecond });
    const done: Split[] = [];
    let [primary, replica] = [lab.redis, other];
    for (let n = 0; n < splits; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      done.push(await split(lab, { primary, replica, crowd, stepMs }));
      [primary, replica] = [replica, primary];
    }
    return { verdict: await judge(lab), splits: done };
  } finally {
    await lab.close();
    await other.stop();
  }
}

async function siblingOf(sibling: RedisServer): Promise<RedisServer> {
  const started = await startRedis({ sibling });
  if ('missing' in started) throw new MissingServerError(started.missing);
  return started;
}

function durable(order: PublishOrder): PublishOrder {
  const { target } = order;
  const isDurable = target.kind === 'room' && DURABLE.includes(target.room);
  return isDurable ? { ...order, options: { durable: { replicas: 1 } } } : order;
}

interface Scene {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly crowd: Crowd;
  readonly stepMs: number;
}

async function split(lab: Lab, { primary, replica, crowd, stepMs }: Scene): Promise<Split> {
  await replica.replicate(primary);
  const copiedFrom = now();
  await sleep(CALM_MS);
  await replica.promote();
  const promotedAt = now();
  const copied = await idsIn(replica);
  await sleep(stepMs);
  for (const [index, node] of lab.nodes.entries()) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await move(node, replica, index === TORN ? stepMs / 2 : 0);
    // oxlint-disable-next-line no-await-in-loop -- these are on another node then
    await crowd.cut(index * (crowd.size >> 2), crowd.size >> 2);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await sleep(stepMs);
  }
  await primary.kill9();
  const endedAt = now();
  await primary.start();
  return { promotedAt, endedAt, copiedFrom, copied };
}

async function move(
  { commands, subscriptions }: LabNode,
  { port }: RedisServer,
  apartMs: number,
): Promise<void> {
  await commands.aim(port);
  await commands.rst();
  await sleep(apartMs);
  await subscriptions.aim(port);
  await subscriptions.rst();
}

/** What one split has done. */
interface Effect {
  /** Acknowledged by the old primary, when the new one was its replica no more. */
  readonly orphans: number;
  /** Acknowledged as durable. */
  readonly confirmed: number;
  /** Of these, what the new primary did not have. */
  readonly lost: number;
  /** Acknowledged as durable when nobody had a replica. */
  readonly unfounded: number;
}

function effectOf(
  { promotedAt, endedAt, copiedFrom, copied }: Split,
  published: readonly Published[],
): Effect {
  const accepted = published.filter(({ outcome }) => outcome === 'accepted');
  const calledIn = (from: number, to: number) =>
    accepted.filter(({ calledAt = 0 }) => calledAt >= from && calledAt < to);
  const oldEpochs = new Set(
    calledIn(copiedFrom, promotedAt).map(({ position }) => position?.epoch ?? ''),
  );
  const later = calledIn(promotedAt, endedAt);
  const confirmed = calledIn(copiedFrom, promotedAt).filter(wasDurable);
  return {
    orphans: later.filter(({ position }) => oldEpochs.has(position?.epoch ?? '')).length,
    confirmed: confirmed.length,
    lost: confirmed.filter(({ id }) => !copied.has(id)).length,
    // One that waits may still be confirmed by the replica of the next round.
    unfounded: later.filter((one) => wasDurable(one) && (one.settledAt ?? 0) < endedAt).length,
  };
}

function wasDurable({ tenantId, channel }: Published): boolean {
  return DURABLE.some((room) => keyOf({ tenantId, userId: '' }, room) === channel);
}
