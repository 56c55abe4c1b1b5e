import { setTimeout as sleep } from 'node:timers/promises';
import type { Attack, Tally } from './attack.ts';
import type { Loot, Orders } from './attacker.ts';
import { CALM, CALM_COUNT } from './calm.ts';
import { Child } from './child.ts';
import type { Felt } from './healthy.ts';
import type { Publishing, ServerReport } from './server.ts';
import { median } from './stall-meter.ts';

/** How much of everything. */
export interface Effort {
  readonly scale: number;
  readonly seed: number;
}

/** What came of an attack: for the attacker, the server, and the people beside it. */
export interface Outcome {
  readonly name: string;
  readonly setup: string;
  readonly got: Tally;
  /** Answers that it should not have got. */
  readonly unexpected: readonly string[];
  readonly spent: number;
  /** Of the server, above what it needs anyway, for one hostile frame. */
  readonly cpuMsPerFrame: number;
  readonly worstFrameMs: number;
  readonly stallMs: number;
  readonly calmStallMs: number;
  readonly rssGrowthBytes: number;
  readonly p99BeforeMs: number;
  readonly p99DuringMs: number;
  readonly lost: number;
  readonly repeated: number;
  readonly disconnects: number;
  readonly newcomerMs: number;
  readonly refusals: Tally;
  readonly uncaught: number;
  /** Is the server as empty afterwards as it was before? */
  readonly isClean: boolean;
}

/** One window of time: what the healthy and the server say of it. */
interface Window {
  readonly felt: Felt;
  readonly report: ServerReport;
  readonly lengthMs: number;
}

const MAX_ROUNDS = 5;
/** Attacks that take longer are not repeated. */
const LONG_MS = 6_000;
const LATENCY_FACTOR = 2;
/** Below this a factor says more about the machine than about the server. */
const NEGLIGIBLE_MS = 10;

/** Is the p99 of the healthy more than twice what it was, and worth mentioning? */
export function isFelt(beforeMs: number, duringMs: number): boolean {
  return duringMs > LATENCY_FACTOR * beforeMs && duringMs > NEGLIGIBLE_MS;
}

interface Round {
  readonly before: Window;
  readonly during: Window;
  readonly loot: Loot;
}

const calmStream: Publishing = { tenant: CALM, perSecond: 100, bytes: 100 };

/**
 * Runs attacks on one server, beside fifty healthy clients, each several times, and measures before
 * and during it.
 */
export async function besiege(attacks: readonly Attack[], effort: Effort): Promise<Outcome[]> {
  const [{ setup, fill, publishing }] = attacks as [Attack];
  const scene = await setScene();
  const { server, healthy } = scene;
  try {
    const url = await server.ask<string>('start', setup);
    if (fill) await server.ask('fill', fill);
    await server.ask('publish', calmStream);
    if (publishing) await server.ask('publish', publishing);
    await healthy.ask('start', { url, count: CALM_COUNT });
    await sleep(1_000);
    const all: [Attack, Round[]][] = [];
    for (const attack of attacks) all.push([attack, await runRounds(attack, effort, scene, url)]);
    const after = await settled(server);
    return all.map(([attack, rounds]) => summarise(attack, rounds, after));
  } finally {
    await Promise.all(Object.values(scene).map((child: Child) => child.kill()));
  }
}

interface Scene {
  readonly server: Child;
  readonly healthy: Child;
  readonly attacker: Child;
}

async function setScene(): Promise<Scene> {
  return {
    server: new Child('server.ts', 'server'),
    healthy: new Child('healthy.ts', 'others'),
    attacker: new Child('attacker.ts', 'others'),
  };
}

async function runRounds(
  attack: Attack,
  effort: Effort,
  scene: Scene,
  url: string,
): Promise<Round[]> {
  const count = effort.scale < 1 ? 1 : (attack.rounds ?? 3);
  const most = (attack.durationMs ?? 0) > LONG_MS ? count : MAX_ROUNDS;
  const rounds: Round[] = [];
  for (let n = 0; n < count || (n < most && isDoubtful(rounds)); n += 1) {
    const orders: Orders = {
      name: attack.name,
      url,
      seed: effort.seed + n,
      scale: effort.scale,
      durationMs: attack.durationMs ?? 3_000,
    };
    rounds.push(await runRound(orders, scene));
  }
  return rounds;
}

/** Where the healthy felt much, more rounds say whether that was the attack or the machine. */
function isDoubtful(rounds: readonly Round[]): boolean {
  const before = median(rounds.map((round) => round.before.felt.p99Ms));
  const during = median(rounds.map((round) => round.during.felt.p99Ms));
  return isFelt(before, during);
}

async function runRound(orders: Orders, scene: Scene): Promise<Round> {
  await look(scene);
  const begin = performance.now();
  await sleep(Math.min(orders.durationMs, 2_000));
  const before = await look(scene, begin);
  const start = performance.now();
  const loot = await scene.attacker.ask<Loot>('run', orders);
  const during = await look(scene, start);
  await sleep(300);
  return { before, during, loot };
}

async function look({ server, healthy }: Scene, begin = 0): Promise<Window> {
  const lengthMs = performance.now() - begin;
  const [felt, report] = await Promise.all([
    healthy.ask<Felt>('look'),
    server.ask<ServerReport>('report'),
  ]);
  return { felt, report, lengthMs };
}

/** The server's last word, when the attacker's connections have gone, or six seconds later. */
async function settled(server: Child): Promise<ServerReport> {
  const isEmpty = ({ stats }: ServerReport) => stats.connections <= CALM_COUNT + 2;
  let report = await server.ask<ServerReport>('report');
  for (let waited = 0; waited < 6_500 && !isEmpty(report); waited += 250) {
    await sleep(250);
    report = await server.ask<ServerReport>('report');
  }
  return report;
}

function summarise(attack: Attack, rounds: readonly Round[], after: ServerReport): Outcome {
  const [first] = rounds;
  const sum = (of: (round: Round) => number) =>
    rounds.reduce((total, round) => total + of(round), 0);
  const most = (of: (round: Round) => number) => Math.max(...rounds.map(of));
  const spent = sum(({ loot }) => loot.spent);
  const got = addUp(rounds.map(({ loot }) => loot.got));
  return {
    name: attack.name,
    setup: setupOf(attack),
    got,
    unexpected: Object.keys(got).filter((answer) => !attack.expected.includes(answer)),
    spent,
    cpuMsPerFrame: Math.max(0, sum(extraCpuMs)) / Math.max(1, spent),
    worstFrameMs: most(({ during }) => during.report.worstFrameMs),
    stallMs: median(rounds.map(({ during }) => during.report.stallMs)),
    calmStallMs: median(rounds.map(({ before }) => before.report.stallMs)),
    rssGrowthBytes:
      most(({ during }) => during.report.rssBytes) - (first?.before.report.rssBytes ?? 0),
    p99BeforeMs: median(rounds.map(({ before }) => before.felt.p99Ms)),
    p99DuringMs: median(rounds.map(({ during }) => during.felt.p99Ms)),
    lost: sum(({ during }) => during.felt.lost),
    repeated: sum(({ during }) => during.felt.repeated),
    disconnects: sum(({ during }) => during.felt.disconnects),
    newcomerMs: most(({ during }) => during.felt.newcomerMs),
    refusals: addUp(rounds.map(({ during }) => during.felt.refusals)),
    uncaught: after.uncaught,
    isClean: after.stats.connections <= CALM_COUNT + 2,
  };
}

function extraCpuMs({ before, during }: Round): number {
  return during.report.cpuMs - (before.report.cpuMs / before.lengthMs) * during.lengthMs;
}

/** All of them together. */
export function addUp(tallies: readonly Tally[]): Tally {
  const total: Tally = {};
  for (const [outcome, count] of tallies.flatMap((tally) => Object.entries(tally))) {
    total[outcome] = (total[outcome] ?? 0) + count;
  }
  return total;
}

/** Everything that is not as by default, so that nothing is loosened in silence. */
function setupOf({ setup = {}, publishing }: Attack): string {
  const { limits = {}, tenants = {}, keys, ...others } = setup;
  const parts = [
    ...Object.entries(limits).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ...Object.entries(tenants).flatMap(([tenant, changes]) =>
      Object.entries(changes).map(([name, value]) => `${name} ${String(value)} for ${tenant}`),
    ),
    ...Object.entries(others).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ...(publishing
      ? [`${publishing.perSecond} × ${publishing.bytes} B/s published to the attacker's tenant`]
      : []),
    ...(keys ? ['signed tokens'] : []),
  ];
  return parts.length > 0 ? parts.join(', ') : 'defaults';
}
