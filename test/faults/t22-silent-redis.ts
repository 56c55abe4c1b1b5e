import { setTimeout as sleep } from 'node:timers/promises';
import { count, mib, ms } from '../lab/report.ts';
import { type Cast, castOf } from './cast.ts';
import { now } from './clock.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import { lossesIn } from './losses.ts';
import type { NodeReport } from './node-child.ts';
import { type Aftermath, aftermathOf, type Outage } from './outage.ts';
import type { PublishOrder } from './publisher.ts';
import { judge } from './verdict.ts';
import { Watch } from './watch.ts';

/** How Redis says nothing, and for how long. */
interface Silence {
  /** `frozen`: nobody gets an answer. `no writes`: `CLIENT PAUSE WRITE`. */
  readonly kind: 'frozen' | 'no writes';
  readonly forMs: number;
}

/** How it is played. */
interface SilentRedisPlan {
  readonly silences: readonly Silence[];
  readonly clients: number;
  readonly perSecond: number;
  readonly seed: number;
}

/** A publish has ended by then (P8). */
const SETTLED_MS = 2_000;
/** What timers may be late; for how long a node had no processor at all is measured. */
const SLACK_MS = 100;
/** Full service is back by then (P8). */
const BACK_MS = 5_000;
const ROOMS = 10;
/** Half of what is published is heavy and goes to rooms that nobody is in: in 30 s, a node's part is 96 MB. */
const HEAVY_BYTES = 32_000;
/** More than garbage comes to. */
const FLAT_BYTES = 64 * 1_024 * 1_024;
const NEWCOMERS = 10;
const LOOK_MS = 250;
const CALM_MS = 2_000;

/** Redis is there and does not answer. */
export const t22: Experiment = {
  name: 'T22',
  title: 'Redis does not answer',
  broken:
    'Redis is frozen (`SIGSTOP`) for 1, 5 and 30 s, and takes no writes (`CLIENT PAUSE WRITE`) for 5 s; 400 ' +
    'publications a second, half of them of 32 KB, on two nodes with 200 clients; 10 clients more come meanwhile',
  holds:
    'every publish ends within 2 s and none is acknowledged; clients stay connected; nodes need no more ' +
    'memory; publishes are accepted again within 5 s',
  run: async ({ scale, seed }) =>
    await silentRedis({
      silences: [
        { kind: 'frozen', forMs: 1_000 },
        { kind: 'frozen', forMs: 5_000 },
        ...(scale < 1 ? [] : [{ kind: 'frozen', forMs: 30_000 } as const]),
        { kind: 'no writes', forMs: 5_000 },
      ],
      clients: Math.max(20, Math.round(200 * scale)),
      perSecond: 400,
      seed,
    }),
};

async function silentRedis(plan: SilentRedisPlan): Promise<Story> {
  const lab = await Lab.open({ seed: plan.seed, hasRemoteProxies: true });
  try {
    const cast = castOf(['acme', 'globex'], ROOMS);
    const { tenantIds, rooms } = cast;
    const crowd = await lab.crowd({ make: 'raw', count: plan.clients, tenantIds, rooms });
    await lab.load({ to: cast.to.flatMap(withHeavy), perSecond: plan.perSecond });
    const episodes: Episode[] = [];
    for (const silence of plan.silences) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      episodes.push(await fallSilent(lab, { silence, crowd, cast }));
    }
    const verdict = await judge(lab);
    const told = episodes.map((episode) => ({
      ...episode,
      ...aftermathOf(verdict.ledgers.published, episode.outage),
    }));
    const refused = told.reduce((sum, each) => sum + each.refused, 0);
    const lost = told.reduce((sum, each) => sum + each.lost, 0);
    return {
      happened: `${count(refused)} publishes were refused or given up while Redis said nothing; ${count(lost)} clients were disconnected.`,
      figures: Object.fromEntries(told.map((each) => [each.name, figureOf(each)])),
      proofs: told.map((each) => ({
        what: `a publish had to wait for Redis, ${each.name}`,
        times: each.delayed,
      })),
      verdicts: [verdict],
      controls: [],
      misses: told.flatMap((each) => missesOf(each).map((miss) => `${each.name}: ${miss}`)),
    };
  } finally {
    await lab.close();
  }
}

function withHeavy(order: PublishOrder, index: number): PublishOrder[] {
  const room = `room:nobody${index % ROOMS}`;
  return [order, { ...order, target: { kind: 'room', room }, bytes: HEAVY_BYTES }];
}

/** One silence, and what came of it. */
interface Episode {
  readonly name: string;
  readonly outage: Outage;
  /** Clients that were disconnected. */
  readonly lost: number;
  /** From the end of the silence until those who came meanwhile were in all their channels. */
  readonly newcomersMs: number;
  /** Of the node that grew most. */
  readonly grownBytes: number;
  /** For how long a node did nothing at all, because the machine had no time for it. */
  readonly stalledMs: number;
}

interface Scene {
  readonly silence: Silence;
  readonly crowd: Crowd;
  readonly cast: Cast;
}

async function fallSilent(lab: Lab, { silence, crowd, cast }: Scene): Promise<Episode> {
  await sleep(CALM_MS);
  await crowd.look();
  const needs = await Needs.watch(lab);
  const newcomers = sleep(silence.forMs / 2).then(async () => await comeIn(lab, cast));
  const outage = await silenceOf(lab, silence);
  const cameAt = await newcomers;
  // Whatever is late to be served is called by then.
  await sleep(Math.max(0, outage.endedAt + BACK_MS - now()));
  const seenAt = now();
  const { outcomes } = await crowd.look();
  return {
    name: `${silence.kind} for ${silence.forMs / 1_000} s`,
    outage: { ...outage, seenAt },
    lost: lossesIn(outcomes),
    newcomersMs: Math.max(0, cameAt - outage.endedAt),
    ...(await needs.most()),
  };
}

async function silenceOf(
  { redis }: Lab,
  { kind, forMs }: Silence,
): Promise<Omit<Outage, 'seenAt'>> {
  if (kind === 'frozen') {
    redis.pause();
    const beganAt = now();
    await sleep(forMs);
    const endedAt = now();
    redis.resume();
    return { beganAt, endedAt };
  }
  const askedAt = now();
  await redis.pauseClients(forMs, 'WRITE');
  const beganAt = now();
  await sleep(askedAt + forMs - beganAt);
  return { beganAt, endedAt: askedAt + forMs };
}

/** Resolves with when they were in all their channels. */
async function comeIn(lab: Lab, { tenantIds, rooms }: Cast): Promise<number> {
  await lab.crowd({ make: 'raw', count: NEWCOMERS, tenantIds, rooms });
  return now();
}

/** What the nodes need, and do not get. */
class Needs {
  readonly #before: readonly NodeReport[];
  readonly #watch: Watch;
  #grownBytes = 0;
  #stalledMs = 0;

  static async watch(lab: Lab): Promise<Needs> {
    return new Needs(lab, await reportsOf(lab));
  }

  private constructor(lab: Lab, before: readonly NodeReport[]) {
    this.#before = before;
    this.#watch = new Watch(LOOK_MS, async () => this.#note(await reportsOf(lab)));
  }

  async most(): Promise<Pick<Episode, 'grownBytes' | 'stalledMs'>> {
    await this.#watch.end();
    return { grownBytes: this.#grownBytes, stalledMs: this.#stalledMs };
  }

  #note(reports: readonly NodeReport[]): void {
    for (const [node, { rssBytes, stallMs }] of reports.entries()) {
      const grownBytes = rssBytes - (this.#before[node]?.rssBytes ?? 0);
      this.#grownBytes = Math.max(this.#grownBytes, grownBytes);
      this.#stalledMs = Math.max(this.#stalledMs, stallMs);
    }
  }
}

async function reportsOf({ nodes }: Lab): Promise<NodeReport[]> {
  return await Promise.all(nodes.map(({ process }) => process.report()));
}

type Told = Episode & Aftermath;

function figureOf({ refused, slowestMs, backMs, newcomersMs, grownBytes }: Told): string {
  return (
    `${count(refused)} refused or given up, the slowest after ${ms(slowestMs)}; accepted again after ` +
    `${ms(backMs)}; newcomers in after ${ms(newcomersMs)}; memory +${mib(grownBytes)}`
  );
}

function missesOf({ slowestMs, stalledMs, unfounded, backMs, grownBytes, lost }: Told): string[] {
  return [
    ...(slowestMs > SETTLED_MS + SLACK_MS + stalledMs ? [`a publish took ${ms(slowestMs)}`] : []),
    ...(unfounded > 0 ? [`${unfounded} publishes were falsely acknowledged`] : []),
    ...(backMs > BACK_MS ? [`publishes were refused for ${ms(backMs)} more`] : []),
    ...(grownBytes > FLAT_BYTES ? [`a node needed ${mib(grownBytes)} more`] : []),
    ...(lost > 0 ? [`${lost} clients were disconnected`] : []),
  ];
}
