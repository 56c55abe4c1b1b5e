import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../packages/server/test/seeded.ts';
import { LAZY, TENANTS } from './cast.ts';
import { Child } from './child.ts';
import type { MembersReport } from './members.ts';
import { count, mib, ms, type Section, tally } from './report.ts';
import { deckOf, labelOf, playLane } from './revocation-deck.ts';
import { type Outcome, type Scene, type Way, ways } from './revocation-ways.ts';
import type { RevokerReport } from './revoker.ts';
import type { Effort } from './siege.ts';
import { quantile } from './stall-meter.ts';

const USERS = 60;
const FEWEST_USERS = 12;
const LAZY_USERS = 12;
const PER_SECOND = 500;
const P99_MS = 1_000;
const MOST_MS = 5_000;
/** What those may get who try again. */
const REFUSALS = new Set([
  '103',
  '3500',
  '3503',
  'cut',
  'not in the reply',
  'in before, then closed',
]);

/**
 * T35 on one node: rooms, roles, users, tenants and tokens are revoked at random under a steady stream;
 * also from those that are away and come back to recover, and from those that are behind.
 */
export async function revocation({ scale, seed }: Effort): Promise<Section> {
  const server = new Child('revoker.ts', 'server');
  const members = new Child('members.ts', 'others');
  const scene: Scene = { server, members, random: seeded(seed) };
  try {
    const users = Math.max(FEWEST_USERS, Math.round(USERS * scale));
    const cast: Cast = { users, lazyUsers: LAZY_USERS };
    const url = await server.ask<string>('start', { ...cast, perSecond: PER_SECOND, seed });
    const connections = await members.ask<number>('open', { ...cast, urls: [url] });
    return sectionOf({ ...(await play(scene, cast, scale)), users, connections });
  } finally {
    await Promise.all([server.kill(), members.kill()]);
  }
}

/** People in each tenant. */
interface Cast {
  readonly users: number;
  readonly lazyUsers: number;
}

interface Story {
  readonly outcomes: ReadonlyMap<Way, readonly Outcome[]>;
  readonly server: RevokerReport;
  readonly felt: MembersReport;
  /** Of the steady stream. */
  readonly perSecond: number;
  readonly users: number;
  readonly connections: number;
}

type Played = Omit<Story, 'users' | 'connections'>;

async function play({ server, ...others }: Scene, cast: Cast, scale: number): Promise<Played> {
  const scene = { server, ...others };
  const outcomes = new Map<Way, Outcome[]>(ways.map((way) => [way, []]));
  const deck = deckOf(ways, scene.random, scale);
  const begin = performance.now();
  const before = await server.ask<RevokerReport>('report');
  const lanes = TENANTS.map(async (tenant, at) => {
    const hand = deck.filter(({ way }, n) => !way.isLazy && n % TENANTS.length === at);
    await playLane(scene, { tenant, users: cast.users }, hand, outcomes);
  });
  const lazyHand = deck.filter(({ way }) => way.isLazy);
  const lazyLane = playLane(scene, { tenant: LAZY, users: cast.lazyUsers }, lazyHand, outcomes);
  await Promise.all([...lanes, lazyLane]);
  const seconds = (performance.now() - begin) / 1_000;
  const after = await server.ask<RevokerReport>('report');
  const numbers = await server.ask<Record<string, number>>('finish');
  await sleep(1_000);
  return {
    outcomes,
    perSecond: (after.published - before.published) / seconds,
    server: await server.ask<RevokerReport>('report'),
    felt: await others.members.ask<MembersReport>('report', numbers),
  };
}

function sectionOf(story: Story): Section {
  const { outcomes, felt, users, connections, perSecond } = story;
  const { heard, lost, repeated, gaps, unexpected } = felt.tally;
  return {
    title: 'Revocation (T35, one node)',
    text:
      `${count(connections)} connections: ${TENANTS.length} tenants with the same ${users} user ids, each user in a ` +
      'role, a room by `joinRoom` and a room by its own wish, every third with two tabs; and a tenant of ' +
      `${LAZY_USERS} whose sockets are paused until what is taken fills them, and mostly their queues too ` +
      `(\`maxQueuedBytes\` 4 MiB, no rates for that tenant). ${count(perSecond)} publications a second to rooms, roles, ` +
      'users and tenants; on top one of what is taken right before each call, and one right behind its ' +
      'acknowledgement. The app’s hooks answer up to 5 ms late with what was so when they were asked. The ' +
      'latency is the server’s, from the call to its promise. *Bytes behind* are of what was taken, and ' +
      'behind the acknowledgement: handed to a socket; or handed before, and still to be written by the ' +
      'process. *Came late* is how long behind it the last byte of before arrived at a client: those who ' +
      'were behind have the kernel’s buffers to read. Who lost something tries to get it back, from where ' +
      `it stood. Promised: p99 ${ms(P99_MS)}, at most ${ms(MOST_MS)}, no bytes, no publication of later. ` +
      `Everybody else: ${count(heard)} heard, ${lost} lost, ${repeated} repeated, ${gaps} told of a gap, ` +
      `ended without having been revoked: ${tally(unexpected)}.`,
    head: [
      'what is taken, from whom',
      'times',
      'latency: p50, p99, longest',
      'bytes behind: handed, to be written',
      'publications of later',
      'came late, at worst',
      'who tried again got',
    ],
    rows: [...outcomes].map(([way, list]) => rowOf(way, list, story)),
    misses: [
      ...[...outcomes].flatMap(([way, list]) => missesOf(way, list, story)),
      ...missesOfAll(story),
    ],
  };
}

function rowOf(way: Way, list: readonly Outcome[], story: Story): string[] {
  const { p50Ms, p99Ms, longestMs } = latenciesOf(list);
  const { handed, waiting } = offencesOf(way, story);
  const raced = list.filter(({ hasRaced }) => hasRaced).length;
  const purged = way.isLazy ? `; ${count(sum(list, ({ seen }) => seen.purged))} never came` : '';
  return [
    way.label,
    `${count(list.length)}${way.isRace ? ` (${raced} while it was under way)` : ''}`,
    `${ms(p50Ms)}, ${ms(p99Ms)}, ${ms(longestMs)}`,
    `${bytes(handed)}, ${bytes(waiting)}`,
    `${sum(list, ({ seen }) => seen.late)}${purged}`,
    ms(Math.max(0, ...list.map(({ seen }) => seen.lastMs))),
    tally(answersOf(list)),
  ];
}

function missesOf(way: Way, list: readonly Outcome[], story: Story): string[] {
  const { label } = way;
  const { p99Ms, longestMs } = latenciesOf(list);
  const late = sum(list, ({ seen }) => seen.late);
  const untold = sum(list, ({ seen }) => seen.untold);
  const wrong = Object.keys(answersOf(list)).filter((answer) => !REFUSALS.has(answer));
  const raced = list.filter(({ hasRaced }) => hasRaced).length;
  return [
    ...(p99Ms <= P99_MS ? [] : [`${label}: p99 ${ms(p99Ms)}`]),
    ...(longestMs <= MOST_MS ? [] : [`${label}: once ${ms(longestMs)}`]),
    ...offendersOf(way, story).map(
      ([kind, { handed, waiting }]) =>
        `${kind}: behind the acknowledgement ${bytes(handed)} were handed over, ${bytes(waiting)} were still to be written`,
    ),
    ...(late === 0 ? [] : [`${label}: ${late} publications of later`]),
    ...(untold === 0 ? [] : [`${label}: ${untold} tabs were not told`]),
    ...wrong.map((answer) => `${label}: who tried again got “${answer}”`),
    ...(way.isRace && raced < list.length / 10 ? [`${label}: only ${raced} were under way`] : []),
    ...vanityOf(way, list),
  ];
}

/** What did not happen to those that it should have happened to. */
function vanityOf({ label, isLazy }: Way, list: readonly Outcome[]): string[] {
  const vain = list.flatMap((outcome) => outcome.vain ?? []);
  const purged = sum(list, ({ seen }) => seen.purged);
  return [
    ...(list.length > 0 ? [] : [`${label}: never`]),
    ...(vain.length <= list.length / 10 ? [] : [`${label}: ${vain[0]}, ${vain.length} times`]),
    ...(isLazy && purged <= list.length ? [`${label}: nothing was taken out of a queue`] : []),
  ];
}

function missesOfAll({ felt, server, perSecond }: Story): string[] {
  const { tally: all, lazyTally, behind } = felt;
  const lost = all.lost + lazyTally.lost;
  const repeated = all.repeated + lazyTally.repeated;
  const ended = { ...all.unexpected, ...lazyTally.unexpected };
  return [
    ...(lost + repeated === 0 ? [] : [`${lost} were lost without a word, ${repeated} came twice`]),
    ...(all.gaps === 0 ? [] : [`${all.gaps} were told of a gap who had not been behind`]),
    ...(behind === 0 ? [] : [`${behind} times the last of a channel did not come`]),
    ...(Object.keys(ended).length === 0 ? [] : [`ended, and not revoked: ${tally(ended)}`]),
    ...(perSecond >= 0.9 * PER_SECOND ? [] : [`only ${count(perSecond)} publications a second`]),
    ...(server.uncaught === 0 ? [] : [`${server.uncaught} uncaught exceptions`]),
  ];
}

function latenciesOf(list: readonly Outcome[]) {
  const sorted = list.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
  return {
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    longestMs: sorted.at(-1) ?? 0,
  };
}

/** The server's count of what it should not have written, by what was taken. */
function offendersOf(way: Way, { server }: Story) {
  const labels = new Set(way.kinds.map((kind) => labelOf(way, kind)));
  return Object.entries(server.offences).filter(
    ([label, { handed, waiting }]) => labels.has(label) && handed + waiting > 0,
  );
}

function offencesOf(way: Way, story: Story) {
  const offences = offendersOf(way, story).map(([, each]) => each);
  return {
    handed: sum(offences, ({ handed }) => handed),
    waiting: sum(offences, ({ waiting }) => waiting),
  };
}

function answersOf(list: readonly Outcome[]): Record<string, number> {
  const answers: Record<string, number> = {};
  for (const answer of list.flatMap(({ got }) => got)) answers[answer] = (answers[answer] ?? 0) + 1;
  return answers;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function bytes(number: number): string {
  return number < 1024 * 1024 ? `${count(number)} B` : mib(number);
}
