import { defaultLimits as limits } from '@trunkline/server';
import type { Tally } from './attack.ts';
import { Child } from './child.ts';
import type { CrowdReport } from './crowd.ts';
import type { Noise, Noised, Tried } from './noise.ts';
import {
  BEFORE_MS,
  BROADCAST_BYTES,
  DURING_MS,
  gather,
  noiseOf,
  playRound,
  QUIET,
  QUIET_CLIENTS,
  QUIET_PER_SECOND,
  type Round,
  type Scene,
  SECONDS,
  TIMES,
} from './noisy-rounds.ts';
import { count, mib, ms, type Section, tally } from './report.ts';
import { addUp, type Effort } from './siege.ts';
import { median } from './stall-meter.ts';

/** T39 says 5,000: more than the one core carries that all clients have here. */
const MEMBERS = 2_000;
/** Enough for more rooms than a tenant may have. */
const SUBSCRIBERS = 85;
const FEWEST_SUBSCRIBERS = 20;
const ROUNDS = 3;
const FACTOR = 2;
const P99_MS = 100;
/** Of what is meant to be done, at least. */
const ENOUGH = 0.8;
/** What is measured at its edges may be a little more. */
const TOLERANCE = 1.05;

/**
 * T39: a tenant tries ten times its limits at the same time: sends, broadcasts, connects, subscribes and
 * talk. Ten quiet tenants must not notice, and the noisy one must be limited, not killed.
 */
export async function noisy({ scale }: Effort): Promise<Section> {
  const scene: Scene = {
    server: new Child('server.ts', 'server'),
    quiet: new Child('crowd.ts', 'others'),
    newcomers: new Child('healthy.ts', 'others'),
    members: new Child('crowd.ts', 'others'),
    noise: new Child('noise.ts', 'others'),
  };
  const size = Math.round(MEMBERS * scale);
  const subscribers = Math.max(FEWEST_SUBSCRIBERS, Math.round(SUBSCRIBERS * scale));
  try {
    const url = await gather(scene, size);
    const noise = noiseOf(url, subscribers);
    const rounds: Round[] = [];
    for (let n = 0; n < (scale < 1 ? 1 : ROUNDS); n += 1) {
      rounds.push(await playRound(scene, size, noise));
    }
    return sectionOf({ size, noise, rounds });
  } finally {
    await Promise.all(Object.values(scene).map((child: Child) => child.kill()));
  }
}

interface Story {
  readonly size: number;
  readonly noise: Noise;
  readonly rounds: readonly Round[];
}

function sectionOf(story: Story): Section {
  const { size, noise, rounds } = story;
  return {
    title: 'A noisy tenant (T39)',
    text:
      `One tenant tries ${TIMES} times its limits, all at once, for ${ms(DURING_MS)} (medians of ${rounds.length} rounds, ` +
      `each behind ${ms(BEFORE_MS)} without): its app sends ${count(TIMES * limits.publishesPerSecond)} events a second, of ` +
      `which those to everybody alone, ${count(BROADCAST_BYTES)} bytes to each of ${count(size)} members, would be ` +
      `${mib(TIMES * limits.fanOutBytesPerSecond)}/s; ${count(noise.connectsPerSecond)} connections a second come as ${noise.users} ` +
      `users and stay for one; ${noise.subscribers} clients subscribe ${noise.subscribesPerSecond} times a second each, ` +
      `${noise.talkers} talk ${mib(noise.bytesPerSecond)}/s each. ${QUIET} quiet tenants with ${QUIET_CLIENTS / QUIET} clients each hear ` +
      `${QUIET_PER_SECOND} publications a second; newcomers are an eleventh’s. All clients share a core. Limits are ` +
      'the defaults; `trustedProxies` loopback, each member with an address of its own.',
    head: ['what', 'figure', 'promised'],
    rows: [...quietRows(rounds), ...noisyRows(story)],
    misses: [...quietMisses(rounds), ...noisyMisses(story), ...vanities(story)],
  };
}

const medianOf = (rounds: readonly Round[], of: (round: Round) => number) => median(rounds.map(of));
const sumOf = (rounds: readonly Round[], of: (round: Round) => number) =>
  rounds.reduce((total, round) => total + of(round), 0);

function quietP99(rounds: readonly Round[]) {
  const beforeMs = medianOf(rounds, ({ before }) => before.quiet.p99Ms);
  const duringMs = medianOf(rounds, ({ during }) => during.quiet.p99Ms);
  return { beforeMs, duringMs, mostMs: Math.max(FACTOR * beforeMs, P99_MS) };
}

/** What the quiet lost, had twice, and were told; while it was noisy, and behind it. */
function harmOf(rounds: readonly Round[]) {
  const looks = rounds.flatMap(({ during, after }) => [during.quiet, after]);
  const sum = (of: (report: CrowdReport) => number) =>
    looks.reduce((total, report) => total + of(report), 0);
  return {
    lost: sum(({ lost }) => lost),
    repeated: sum(({ repeated }) => repeated),
    told: addUp(looks.map(({ outcomes }) => outcomes)),
  };
}

function quietRows(rounds: readonly Round[]): string[][] {
  const { beforeMs, duringMs, mostMs } = quietP99(rounds);
  const { lost, repeated, told } = harmOf(rounds);
  const stallMs = medianOf(rounds, ({ during }) => during.server.stallMs);
  const newcomerMs = Math.max(...rounds.map(({ during }) => during.newcomers.newcomerMs));
  const refusals = addUp(rounds.map(({ during }) => during.newcomers.refusals));
  return [
    ['quiet: p99, before → during', `${ms(beforeMs)} → ${ms(duringMs)}`, `at most ${ms(mostMs)}`],
    ['quiet: lost, repeated', `${lost}, ${repeated}`, '0, 0'],
    ['quiet: disconnects', tally(told), 'nothing'],
    ['a newcomer, at worst', `${ms(newcomerMs)} (refused: ${tally(refusals)})`, '—'],
    ['the server’s longest stall', ms(stallMs), '—'],
  ];
}

function noisyRows(story: Story): string[][] {
  const { rounds, size } = story;
  const { sends, broadcasts } = floodedIn(rounds);
  const bytesPerSecond = membersBytesPerSecond(story);
  const delayMs = medianOf(rounds, ({ during }) => during.members.p99Ms);
  const members = addUp(rounds.map(({ during }) => during.members.outcomes));
  return [
    ['noisy: sends, a second', perSecond(sends), `${count(limits.publishesPerSecond)} accepted`],
    ['noisy: of these to everybody', perSecond(broadcasts), '—'],
    [
      'noisy: bytes that its members got, live and recovered',
      `${mib(bytesPerSecond)}/s, p99 ${ms(delayMs)} late`,
      `${mib(limits.fanOutBytesPerSecond)}/s, and the rest delayed`,
    ],
    ['noisy: what its members were told', tally(members), 'nothing terminal'],
    [
      'noisy: members there behind it',
      `${rounds.map(({ connected }) => count(connected)).join(', ')} of ${count(size)}`,
      'all',
    ],
    ['noisy: who connected got', gotBy(rounds, 'connects'), 'some let in, the others 3504'],
    ['noisy: who subscribed got', gotBy(rounds, 'subscribes'), 'errors 106 and 111'],
    ['noisy: who talked got', gotBy(rounds, 'talk'), '3013'],
    ['the limits that were run into', tally(exceededIn(rounds)), '—'],
  ];
}

/** Receipts a second, by their status. */
function floodedIn(rounds: readonly Round[]): { sends: Tally; broadcasts: Tally } {
  const seconds = rounds.length * SECONDS;
  const rate = (tallies: readonly Tally[]): Tally =>
    Object.fromEntries(
      Object.entries(addUp(tallies)).map(([what, times]) => [what, times / seconds]),
    );
  return {
    sends: rate(rounds.flatMap(({ flooded }) => [flooded.sends, flooded.broadcasts])),
    broadcasts: rate(rounds.map(({ flooded }) => flooded.broadcasts)),
  };
}

function perSecond(receipts: Tally): string {
  return `${count(tried(receipts))} tried: ${tally(receipts)}`;
}

function tried(tallied: Tally): number {
  return Object.values(tallied).reduce((total, times) => total + times, 0);
}

function membersBytesPerSecond({ rounds }: Story): number {
  const bytes = medianOf(rounds, ({ during }) => during.members.deliveries) * BROADCAST_BYTES;
  return bytes / SECONDS;
}

function gotBy(rounds: readonly Round[], what: keyof Noised): string {
  return `${count(rateOf(rounds, what))} a second: ${tally(triedBy(rounds, what).got)}`;
}

function triedBy(rounds: readonly Round[], what: keyof Noised): Tried {
  return {
    times: sumOf(rounds, ({ noised }) => noised[what].times),
    got: addUp(rounds.map(({ noised }) => noised[what].got)),
  };
}

/** What the server counted while it was noisy. */
function exceededIn(rounds: readonly Round[]): Tally {
  const counts = rounds.map(({ before, during }) => {
    const earlier: Readonly<Record<string, number>> = before.server.stats.limits;
    const entries = Object.entries(during.server.stats.limits);
    return Object.fromEntries(entries.map(([name, times]) => [name, times - (earlier[name] ?? 0)]));
  });
  return Object.fromEntries(Object.entries(addUp(counts)).filter(([, times]) => times > 0));
}

function quietMisses(rounds: readonly Round[]): string[] {
  const { duringMs, beforeMs, mostMs } = quietP99(rounds);
  const { lost, repeated, told } = harmOf(rounds);
  return [
    ...(duringMs <= mostMs ? [] : [`quiet p99 ${ms(beforeMs)} → ${ms(duringMs)}`]),
    ...(lost + repeated === 0 ? [] : [`the quiet lost ${lost}, and had ${repeated} twice`]),
    ...(Object.keys(told).length === 0 ? [] : [`the quiet were told ${tally(told)}`]),
  ];
}

/** Was it limited, and not killed? */
function noisyMisses(story: Story): string[] {
  const { rounds, size } = story;
  const { accepted = 0 } = floodedIn(rounds).sends;
  const { publishesPerSecond, publishBurst, fanOutBytesPerSecond, fanOutBurstBytes } = limits;
  const most = publishesPerSecond + publishBurst / SECONDS;
  const mostBytes = fanOutBytesPerSecond + fanOutBurstBytes / SECONDS;
  const bytes = membersBytesPerSecond(story);
  const outcomes = addUp(rounds.map(({ during }) => during.members.outcomes));
  const terminal = Object.keys(outcomes).filter((what) => what.startsWith('given up'));
  const missing = rounds.filter(({ connected }) => connected < size).length;
  return [
    ...(accepted <= most * TOLERANCE ? [] : [`${count(accepted)} sends a second were accepted`]),
    ...tooFew('sends a second that it may have', accepted, publishesPerSecond),
    ...(bytes <= mostBytes * TOLERANCE
      ? []
      : [`the noisy tenant’s members got ${mib(bytes)}/s, live and recovered`]),
    ...(terminal.length === 0 ? [] : [`members of the noisy tenant have ${terminal.join(', ')}`]),
    ...(missing === 0 ? [] : [`members of the noisy tenant were missing behind ${missing} rounds`]),
  ];
}

/** What was less than it should have been to prove anything. */
function vanities({ noise, rounds }: Story): string[] {
  const { sends, broadcasts } = floodedIn(rounds);
  const heard = sumOf(rounds, ({ during }) => during.quiet.deliveries);
  const due = rounds.length * SECONDS * QUIET_CLIENTS * QUIET_PER_SECOND;
  return [
    ...tooFew('sends', tried(sends), TIMES * limits.publishesPerSecond),
    ...tooFew('connects', rateOf(rounds, 'connects'), noise.connectsPerSecond),
    ...tooFew(
      'subscribes',
      rateOf(rounds, 'subscribes'),
      noise.subscribers * noise.subscribesPerSecond,
    ),
    ...unmet('sends were', sends, ['accepted', 'dropped']),
    ...unmet('sends to everybody were', broadcasts, ['accepted', 'dropped']),
    ...unmet('limits were', exceededIn(rounds), ['fanOutBytesPerSecond', 'publishesPerSecond']),
    ...unmet('who connected got', triedBy(rounds, 'connects').got, ['let in', '3504']),
    ...unmet('who subscribed got', triedBy(rounds, 'subscribes').got, ['error 106', 'error 111']),
    ...unmet('who talked got', triedBy(rounds, 'talk').got, ['3013']),
    ...tooFew('publications that the quiet heard, in all', heard, due),
  ];
}

/** Less than most of what was meant to be done. */
function tooFew(what: string, done: number, meant: number): string[] {
  return done >= ENOUGH * meant ? [] : [`only ${count(done)} of ${count(meant)} ${what}`];
}

/** What should have happened to some, and did to nobody. */
function unmet(what: string, happened: Tally, expected: readonly string[]): string[] {
  return expected.filter((each) => !happened[each]).map((each) => `none: ${what} ${each}`);
}

function rateOf(rounds: readonly Round[], what: keyof Noised): number {
  return triedBy(rounds, what).times / (rounds.length * SECONDS);
}
