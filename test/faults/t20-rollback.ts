import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { count } from '../lab/report.ts';
import { hadBy, publishBatch } from './batch.ts';
import { type Cast, castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import type { Cable } from './proxy.ts';
import type { PublishOrder } from './publisher.ts';
import { returnsOf } from './returns.ts';
import { silentLossesIn } from './silent-losses.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
export interface RollbackPlan {
  /** So many rooms of each tenant: of the n-th, n publications are forgotten. */
  readonly rooms: number;
  readonly rounds: number;
  readonly seed: number;
}

/** What is published before each snapshot. */
const BASE = 10;
/** More are published after a rollback than it has forgotten: offsets come to where clients stood. */
const MORE = 5;
const PATIENCE_MS = 20_000;
/** By then nodes have looked where streams stand: those who are to hear of a gap have been sent to. */
const LOOKED_MS = 1_500;
const tenantIds = ['acme', 'globex'];

/** Redis is restored from a snapshot: it has forgotten what it had acknowledged. */
export const t20: Experiment = {
  name: 'T20',
  title: 'Redis is rolled back',
  broken:
    'a snapshot of Redis; then 1 to 50 more publications in each of 100 rooms, acknowledged and delivered; `kill -9`, ' +
    'a start from the snapshot, and 5 more publications than were forgotten, so that offsets come to where ' +
    'clients stood. A third of the 300 clients is connected all the time, a third is away from the snapshot on, a ' +
    'third from the kill on, until after the new publications',
  holds: 'no subscription is told that it has recovered across the rollback: each has a gap signal',
  run: async ({ scale, seed }) =>
    await rollback({ rooms: Math.ceil(50 * scale), rounds: Math.ceil(3 * scale), seed }),
};

export async function rollback(plan: RollbackPlan): Promise<Story> {
  const { verdict, forgotten, deceived } = await rolledBack(plan, 'strict');
  const open = await rolledBack({ ...plan, rounds: 1 }, 'off');
  const { gaps } = verdict.clients;
  return {
    happened: `Redis forgot ${count(forgotten)} publications that it had acknowledged; ${count(gaps)} subscriptions had a gap signal.`,
    figures: {
      'recovered across a rollback': count(deceived),
      'silent losses': count(silentLossesIn(verdict)),
      'with the fence off': `${count(open.deceived)} subscriptions recovered across the rollback, ${count(silentLossesIn(open.verdict))} silent losses`,
    },
    proofs: [
      { what: 'a publication was forgotten', times: forgotten },
      { what: 'a subscription had a gap signal', times: gaps },
      {
        what: 'with the fence off, a publication was lost in silence',
        times: silentLossesIn(open.verdict),
      },
    ],
    verdicts: [verdict],
    controls: [{ off: 'the epoch fence', expected: 'I1', violations: open.verdict.violations }],
    misses: deceived > 0 ? [`${deceived} subscriptions recovered across a rollback`] : [],
  };
}

/** What came of it. */
interface Outcome {
  readonly verdict: Verdict;
  /** Publications that were acknowledged, and that the restored Redis does not know. */
  readonly forgotten: number;
  /** Subscriptions that recovered into an epoch of before. */
  readonly deceived: number;
}

async function rolledBack(
  { rooms, rounds, seed }: RollbackPlan,
  epochFence: 'strict' | 'off',
): Promise<Outcome> {
  const limits = { publishesPerSecond: 20_000, publishBurst: 20_000 };
  const lab = await Lab.open({ seed, engineOptions: { epochFence }, limits });
  try {
    const cast = castOf(tenantIds, rooms);
    await lab.crowd({ make: 'raw', count: cast.rooms.length, tenantIds, rooms: cast.rooms });
    const groups: Groups = {
      away: await crowdBehindCable(lab, cast, 0),
      leaving: await crowdBehindCable(lab, cast, 1),
    };
    const rollbacks: Rollback[] = [];
    for (let n = 0; n < rounds; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      rollbacks.push(await round(lab, cast, groups));
    }
    const verdict = await judge(lab);
    return { verdict, ...consequencesOf(verdict, rollbacks) };
  } finally {
    await lab.close();
  }
}

/** Clients that come through a cable of their own. */
interface Remote {
  readonly cable: Cable;
  readonly crowd: Crowd;
}

interface Groups {
  /** Not there from the snapshot on. */
  readonly away: Remote;
  /** Not there from the kill on. */
  readonly leaving: Remote;
}

async function crowdBehindCable(lab: Lab, { rooms }: Cast, index: number): Promise<Remote> {
  const cable = await lab.cable(lab.nodes[index]?.process.port ?? 0);
  const urls = [`ws://127.0.0.1:${cable.port}/connection/websocket`];
  const crowd = await lab.crowd({ make: 'raw', count: rooms.length, tenantIds, rooms, urls });
  return { cable, crowd };
}

/** Nobody comes through any more. */
async function disconnect({ cable, crowd }: Remote): Promise<void> {
  await cable.refuse();
  await cable.rst();
  await comesTrue(PATIENCE_MS, async () => (await crowd.there()) === 0);
}

/** When what was forgotten, by the clock of `now`. */
interface Rollback {
  readonly snapshotAt: number;
  readonly killedAt: number;
  readonly restoredAt: number;
}

async function round(lab: Lab, { to }: Cast, { away, leaving }: Groups): Promise<Rollback> {
  const publish = async (timesIn: (room: number) => number) =>
    await publishBatch(lab, batchOf(to, timesIn));
  await hadBy(lab, await publish(() => BASE));
  const snapshot = await lab.redis.snapshot();
  const snapshotAt = now();
  await disconnect(away);
  await hadBy(lab, await publish((room) => room));
  await disconnect(leaving);
  const killedAt = now();
  await lab.redis.restore(snapshot);
  const restoredAt = now();
  await publish((room) => room + MORE);
  await Promise.all([away, leaving].map(({ cable }) => cable.pass()));
  await sleep(LOOKED_MS);
  await comesTrue(PATIENCE_MS, () => areAllThere(lab));
  return { snapshotAt, killedAt, restoredAt };
}

/** So many publications in each room, by its number from 1; those of a room stand together. */
function batchOf(to: readonly PublishOrder[], timesIn: (room: number) => number): PublishOrder[] {
  return to.flatMap((order, index) => {
    const room = 1 + Math.floor(index / tenantIds.length);
    return Array.from({ length: timesIn(room) }, () => order);
  });
}

async function areAllThere({ crowds }: Lab): Promise<boolean> {
  const there = await Promise.all(
    crowds.map(async (crowd) => (await crowd.there()) === crowd.size),
  );
  return there.every(Boolean);
}

function consequencesOf(
  { ledgers: { published, compact } }: Verdict,
  rollbacks: readonly Rollback[],
): Pick<Outcome, 'forgotten' | 'deceived'> {
  const accepted = published.filter(({ outcome }) => outcome === 'accepted');
  const forgotten = rollbacks.flatMap(({ snapshotAt, killedAt }) =>
    accepted.filter(
      ({ calledAt = 0, settledAt = 0 }) => calledAt > snapshotAt && settledAt < killedAt,
    ),
  );
  const deceived = returnsOf(compact).filter(({ at, epoch, recovered }) => {
    const last = rollbacks.findLast(({ restoredAt }) => restoredAt < at);
    if (!last || !recovered) return false;
    return accepted.some(
      ({ position, settledAt = 0 }) => position?.epoch === epoch && settledAt < last.killedAt,
    );
  });
  return { forgotten: forgotten.length, deceived: deceived.length };
}
