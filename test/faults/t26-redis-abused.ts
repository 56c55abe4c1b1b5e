import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { comesTrue } from '../comes-true.ts';
import { count, ms } from '../lab/report.ts';
import { startRedis } from '../services/redis.ts';
import type { RedisServer } from '../services/redis-server.ts';
import { publishBatch } from './batch.ts';
import { type Cast, castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Crowd, CrowdTotals } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab, MissingServerError } from './lab.ts';
import { type Aftermath, aftermathOf, type Outage } from './outage.ts';
import type { PublishOutcome } from './publisher.ts';
import { type Abuse, type AbuseScene, abuses } from './t26-abuses.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface AbusePlan {
  readonly abuses: readonly Abuse[];
  readonly clients: number;
  readonly perSecond: number;
  /** For how long each lasts. */
  readonly forMs: number;
  /** Of what has the wrong type. */
  readonly largeBytes: number;
  readonly seed: number;
}

const ROOMS = 5;
/** P5: so late is what is not announced. */
const MOST_LATE_MS = 5_000;
const BACK_MS = 30_000;
const AWAY_MS = 200;
/** As long as it takes until nodes have looked for what was not announced. */
const CALM_MS = 2_500;
const MIB = 1_024 * 1_024;

/** Somebody does to Redis what they should not. */
export const t26: Experiment = {
  name: 'T26',
  title: 'Redis is abused',
  broken:
    'under 200 publications a second on two nodes with 100 clients, a tenth of which are cut each time: keys deleted, ' +
    'memory full with and without eviction, scripts flushed, commands forbidden while they are in use, strings of 256 ' +
    'MiB in the place of other things, a first replica',
  holds:
    'a publish is refused with the reason, or arrives, or a gap is signalled; nothing is acknowledged and lost; nothing ' +
    'crashes; all is well again when it is over',
  run: async ({ scale, seed }) =>
    await abused({
      abuses,
      clients: Math.max(20, Math.round(100 * scale)),
      perSecond: 200,
      forMs: scale < 1 ? 1_500 : 4_000,
      largeBytes: Math.ceil(256 * scale) * MIB,
      seed,
    }),
};

async function abused(plan: AbusePlan): Promise<Story> {
  const lab = await Lab.open({ seed: plan.seed });
  const replica = await siblingOf(lab.redis);
  const redis = new Redis(lab.redis.url);
  try {
    const cast = castOf(['acme', 'globex'], ROOMS);
    const { tenantIds, rooms } = cast;
    const crowd = await lab.crowd({ make: 'raw', count: plan.clients, tenantIds, rooms });
    await lab.load({ to: cast.to, perSecond: plan.perSecond });
    const scene: AbuseScene = {
      redis,
      largeBytes: plan.largeBytes,
      replicate: async () => await replica.replicate(lab.redis),
      flood: async (bytes) =>
        void (await publishBatch(
          lab,
          [...cast.to, ...cast.to, ...cast.to, ...cast.to].map((order) => ({ ...order, bytes })),
        )),
    };
    const rounds: Round[] = [];
    for (const abuse of plan.abuses) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      rounds.push(await playRound({ lab, crowd, cast, scene, forMs: plan.forMs }, abuse));
    }
    const verdict = await judge(lab);
    const told = rounds.map((round) => ({
      ...round,
      ...aftermathOf(verdict.ledgers.published, round.outage),
    }));
    return {
      happened: `${told.length} abuses: ${count(told.reduce((sum, { refused }) => sum + refused, 0))} publishes were refused, ${count(verdict.clients.gaps)} subscriptions had a gap signal, no node ended.`,
      figures: Object.fromEntries(told.map((round) => [round.abuse.name, figureOf(round)])),
      proofs: told.map(({ abuse, times }) => ({ what: abuse.name, times })),
      verdicts: [verdict],
      controls: [],
      misses: [
        ...told.flatMap((round) => missesOf(round).map((miss) => `${round.abuse.name}: ${miss}`)),
        ...(lab.nodes.every(({ process }) => process.isRunning) ? [] : ['A node has ended']),
      ],
    };
  } finally {
    redis.disconnect();
    await lab.close();
    await replica.stop();
  }
}

async function siblingOf(sibling: RedisServer): Promise<RedisServer> {
  const started = await startRedis({ sibling });
  if ('missing' in started) throw new MissingServerError(started.missing);
  return started;
}

/** One abuse, and what came of it. */
interface Round {
  readonly abuse: Abuse;
  /** How often it has happened. */
  readonly times: number;
  readonly outage: Outage;
  /** A publish to a room that it concerns, at its end. */
  readonly probe: PublishOutcome;
  /** What the clients were told. */
  readonly clients: CrowdTotals;
}

interface Stage {
  readonly lab: Lab;
  readonly crowd: Crowd;
  readonly cast: Cast;
  readonly scene: AbuseScene;
  readonly forMs: number;
}

async function playRound({ lab, crowd, cast, scene, forMs }: Stage, abuse: Abuse): Promise<Round> {
  await crowd.look();
  const beganAt = now();
  // These are away when it happens, and come back while it lasts.
  await crowd.cut(0, Math.ceil(crowd.size / 10));
  await sleep(AWAY_MS);
  const times = await abuse.harm(scene);
  await sleep(forMs);
  const probe = await probeOf(lab, cast);
  await abuse.heal?.(scene);
  const endedAt = now();
  await publishBatch(lab, cast.to);
  await comesTrue(BACK_MS, async () => (await crowd.there()) === crowd.size);
  await sleep(CALM_MS);
  const clients = await crowd.look();
  return { abuse, times, probe, clients, outage: { beganAt, endedAt, seenAt: now() } };
}

async function probeOf({ nodes: [node] }: Lab, { to: [order] }: Cast): Promise<PublishOutcome> {
  if (!node || !order) throw new Error('There is no node, or no room');
  return await node.process.publish(order);
}

type Told = Round & Aftermath;

function figureOf({ probe, refused, clients, backMs }: Told): string {
  const { gaps, recovered, latencies } = clients;
  const [reason] = probe.reason.split('): ');
  const fate = probe.status === 'accepted' ? 'accepted' : `${probe.status}: ${reason})`;
  return (
    `a publish was ${fate}; ${refused > 0 ? `${count(refused)} refused, the last ${ms(backMs)} after it was over; ` : ''}` +
    `${count(gaps)} gap signals, ${count(recovered)} recovered; delivered after at most ${ms(latencies.maxMs)}`
  );
}

function missesOf({ abuse, probe, clients, backMs }: Told): string[] {
  const { gaps, latencies } = clients;
  // Where Redis serves nobody, those who were away have to wait for it.
  const isLate = abuse.fate === 'accepted' && latencies.maxMs > MOST_LATE_MS;
  return [
    ...(probe.status === abuse.fate ? [] : [`a publish was ${probe.status}: ${probe.reason}`]),
    ...(abuse.hasGaps === true && gaps === 0 ? ['nobody had a gap signal'] : []),
    ...(abuse.hasGaps === false && gaps > 0 ? [`${gaps} gap signals`] : []),
    ...(isLate ? [`delivered ${ms(latencies.maxMs)} late`] : []),
    ...(backMs > MOST_LATE_MS ? [`publishes were refused for ${ms(backMs)} more`] : []),
  ];
}
