import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type OperationState } from '@trunkline/contract';
import { defaultLimits, type Limits } from '@trunkline/server';
import { seeded } from '../../../packages/server/test/seeded.ts';
import { comesTrue } from '../../comes-true.ts';
import type { Child } from '../child.ts';
import type { Order, Person, StoredRow } from './cast.ts';
import { type Cores, LabServer, newPages } from './cluster.ts';
import type { Comparison, PagesReport, ToastCheck } from './pages.ts';
import type { ServerReport } from './server.ts';
import type { Ground } from './store.ts';

/** So many operations at once, told to pages whose connections break all the time. */
export interface FlappingPlan {
  readonly ground: Ground;
  readonly tenants: number;
  /** Of each tenant, with two pages each. */
  readonly users: number;
  readonly operations: number;
  /** Of so many one is for the whole tenant and one for its clerks, the others for their owners. */
  readonly sharedOf: number;
  /** Progress events of each operation. */
  readonly steps: number;
  readonly stepMs: number;
  readonly cancels: number;
  /** How long a connection lives, at random between these. */
  readonly breaks: { readonly fromMs: number; readonly toMs: number };
  /** Publications that a channel keeps. Default: as by default. */
  readonly history?: number;
  /** Processes that the pages share. */
  readonly processes: number;
  readonly cores: Cores;
  readonly seed: number;
  /** How long the pages have to come to what is so. Default: 35 s, as promised (I7). */
  readonly settleMs?: number;
}

/** What came of it. */
export interface FlappingStory {
  readonly plan: FlappingPlan;
  readonly pages: number;
  /** While the work went on. */
  readonly seconds: number;
  /** The server's counts over that time. */
  readonly spent: ServerReport;
  readonly states: Readonly<Record<string, number>>;
  readonly cancels: Readonly<Record<string, number>>;
  readonly seen: PagesReport;
  readonly compared: number;
  /** Ends that both pages of a user have a toast of: one of them heard of it seconds later. */
  readonly toldTwice: number;
  /** From the last break until every page showed what was so. */
  readonly settledMs: number;
  readonly misses: readonly string[];
}

const TABS = 2;
const CLERK_EVERY = 4;
const SETTLE_MS = 35_000;
/** The pages of the lab are all of one address. */
const MAX_UNAUTHENTICATED_PER_ADDRESS = 1000;

interface Stage {
  readonly plan: FlappingPlan;
  readonly server: LabServer;
  readonly pages: readonly Child[];
}

/** Plays it, and compares every page with the store. */
export async function flapping(plan: FlappingPlan): Promise<FlappingStory> {
  const { ground, cores, processes } = plan;
  const nodeLimits = nodeLimitsOf(plan);
  const server = await LabServer.start({ ground, nodeLimits, isWatched: false }, cores);
  const pages = Array.from({ length: processes }, () => newPages(cores));
  try {
    return await play({ plan, server, pages });
  } finally {
    await Promise.all([server, ...pages].map((one) => one.kill()));
  }
}

function nodeLimitsOf({ history: size }: FlappingPlan): Partial<Limits> {
  const { history, userHistory } = defaultLimits;
  const maxUnauthenticatedPerAddress = MAX_UNAUTHENTICATED_PER_ADDRESS;
  if (size === undefined) return { maxUnauthenticatedPerAddress };
  return {
    maxUnauthenticatedPerAddress,
    history: { ...history, size },
    userHistory: { ...userHistory, size },
  };
}

async function play(stage: Stage): Promise<FlappingStory> {
  const { plan, server, pages } = stage;
  await Promise.all(
    pages.map((some, n) => some.ask('open', { url: server.url, people: peopleOf(plan, n) })),
  );
  await server.ask('hold');
  const ids = await server.begin(ordersOf(plan));
  await server.ask('flap', { ...plan.breaks, seed: plan.seed });
  const before = await server.report();
  const begin = performance.now();
  await server.ask('go');
  const cancelling = cancelSome(stage, await server.rows());
  const hasEnded = await comesTrue(
    limitOf(plan),
    async () => (await server.rows()).every(isOver),
    500,
  );
  const seconds = (performance.now() - begin) / 1000;
  const spent = difference(before, await server.report());
  const cancels = await cancelling;
  await server.ask('calm');
  const { comparison, settledMs } = await settle(stage);
  const rows = await server.rows();
  const seen = sumOf(await Promise.all(pages.map((some) => some.ask<PagesReport>('report'))));
  const toasts = await toastsOf(stage, rows);
  const states = tallyOf(rows.map(({ state }) => state));
  const story = { plan, states, pages: seen.pages, seconds, spent, seen, settledMs };
  return {
    ...story,
    cancels: tallyOf(cancels),
    compared: comparison.compared,
    toldTwice: toasts.repeated.length,
    misses: [
      ...(hasEnded ? [] : ['not every operation has ended']),
      ...(rows.length === ids.length ? [] : [`${rows.length} rows of ${ids.length} operations`]),
      ...comparisonMisses(comparison, settledMs),
      ...vanityOf(story),
      ...seen.regressions.slice(0, 10),
      ...seen.errors.slice(0, 10),
      ...spent.uncaught,
      ...toasts.wrong.slice(0, 10),
    ],
  };
}

/** Those of the n-th process; all tabs of a user are in one, as those of a browser. */
function peopleOf({ tenants, users, processes }: FlappingPlan, n: number): Person[] {
  const all = Array.from({ length: tenants * users }, (_, at) => ({
    tenant: `t${at % tenants}`,
    user: `u${Math.floor(at / tenants)}`,
    isClerk: Math.floor(at / tenants) % CLERK_EVERY === 0,
    tabs: TABS,
  }));
  return all.filter((_, at) => at % processes === n);
}

function ordersOf(plan: FlappingPlan): Order[] {
  const { tenants, users, operations, sharedOf, steps, stepMs, seed } = plan;
  const random = seeded(seed);
  return Array.from({ length: operations }, (_, at) => {
    const dice = Math.floor(random() * sharedOf);
    return {
      tenant: `t${at % tenants}`,
      user: `u${Math.floor(at / tenants) % users}`,
      audience: dice === 0 ? 'tenant' : dice === 1 ? 'clerks' : 'owner',
      isDurable: false,
      steps,
      stepMs,
      seed: Math.floor(random() * 1e9),
    };
  });
}

/** At random moments of the first nine tenths, from pages of the owners, which may be away right then. */
async function cancelSome({ plan, pages }: Stage, rows: readonly StoredRow[]): Promise<string[]> {
  const random = seeded(plan.seed + 1);
  const chosen = rows
    .map((row) => ({ row, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .slice(0, plan.cancels);
  const cancels = chosen.map(async ({ row }) => {
    await sleep(random() * 0.9 * plan.steps * plan.stepMs);
    const answers = await Promise.all(pages.map((some) => some.ask<string | null>('cancel', row)));
    return answers.find((answer) => answer !== null) ?? 'nobody is there';
  });
  return await Promise.all(cancels);
}

function limitOf({ steps, stepMs }: FlappingPlan): number {
  return 4 * steps * stepMs + 60_000;
}

function isOver({ state }: StoredRow): boolean {
  return isTerminal(state as OperationState);
}

async function settle({ plan, server, pages }: Stage) {
  const begin = performance.now();
  const rows = await server.rows();
  let comparison: Comparison = { compared: 0, different: 0, differences: [] };
  await comesTrue(plan.settleMs ?? SETTLE_MS, async () => {
    comparison = sumOfComparisons(
      await Promise.all(pages.map((some) => some.ask<Comparison>('compare', { rows }))),
    );
    const reports = await Promise.all(pages.map((some) => some.ask<PagesReport>('report')));
    return comparison.different === 0 && reports.every(({ live, pages: all }) => live === all);
  });
  return { comparison, settledMs: performance.now() - begin };
}

function comparisonMisses({ compared, different, differences }: Comparison, ms: number): string[] {
  if (different === 0) return [];
  const seconds = (ms / 1000).toFixed(0);
  return [`${different} of ${compared} views differ after ${seconds} s: ${differences.join('; ')}`];
}

/** Did happen what was to be survived? */
function vanityOf({
  plan,
  pages,
  spent,
  seen,
  states,
}: Pick<FlappingStory, 'plan' | 'pages' | 'spent' | 'seen' | 'states'>): string[] {
  const events = plan.operations * plan.steps;
  const { cancelled = 0 } = states;
  return [
    ...(spent.connectionsOpened >= pages / 2 ? [] : [`only ${spent.connectionsOpened} reconnects`]),
    ...(cancelled >= plan.cancels / 2 ? [] : [`only ${cancelled} of ${plan.cancels} cancelled`]),
    ...(plan.history === undefined || seen.gaps >= pages / 10 ? [] : [`only ${seen.gaps} gaps`]),
    ...(spent.events >= events / 2 ? [] : [`only ${spent.events} of ${events} events`]),
  ];
}

async function toastsOf({ pages }: Stage, rows: readonly StoredRow[]): Promise<ToastCheck> {
  const checks = await Promise.all(pages.map((some) => some.ask<ToastCheck>('toasts', { rows })));
  return {
    wrong: checks.flatMap(({ wrong }) => wrong),
    repeated: checks.flatMap(({ repeated }) => repeated),
  };
}

function difference(before: ServerReport, after: ServerReport): ServerReport {
  const less = (of: (report: ServerReport) => number) => of(after) - of(before);
  return {
    ...after,
    events: less(({ events }) => events),
    published: less(({ published }) => published),
    deliveries: less(({ deliveries }) => deliveries),
    connectionsOpened: less(({ connectionsOpened }) => connectionsOpened),
    statements: less(({ statements }) => statements),
    writes: less(({ writes }) => writes),
    cpuMs: less(({ cpuMs }) => cpuMs),
    kinds: Object.fromEntries(
      Object.entries(after.kinds).map(([kind, count]) => [kind, count - (before.kinds[kind] ?? 0)]),
    ),
  };
}

function sumOf(reports: readonly PagesReport[]): PagesReport {
  const sum = (of: (report: PagesReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    pages: sum(({ pages }) => pages),
    live: sum(({ live }) => live),
    views: sum(({ views }) => views),
    heard: sum(({ heard }) => heard),
    gaps: sum(({ gaps }) => gaps),
    regressions: reports.flatMap(({ regressions }) => regressions),
    errors: reports.flatMap(({ errors }) => errors),
  };
}

function sumOfComparisons(comparisons: readonly Comparison[]): Comparison {
  return {
    compared: comparisons.reduce((total, { compared }) => total + compared, 0),
    different: comparisons.reduce((total, { different }) => total + different, 0),
    differences: comparisons.flatMap(({ differences }) => differences),
  };
}

function tallyOf(words: readonly string[]): Record<string, number> {
  const groups = Map.groupBy(words, (word) => word);
  return Object.fromEntries([...groups].map(([word, { length }]) => [word, length]));
}
