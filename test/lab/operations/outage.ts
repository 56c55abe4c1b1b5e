import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal, type OperationState } from '@trunkline/contract';
import { comesTrue } from '../../comes-true.ts';
import type { PostgresServer } from '../../services/postgres.ts';
import { createDatabase } from '../../services/postgres-database.ts';
import type { Child } from '../child.ts';
import type { Order, Person, StoredRow } from './cast.ts';
import { type Cores, LabServer, newPages } from './cluster.ts';
import { endsOf, offencesOf } from './history.ts';
import type { Comparison, PagesReport } from './pages.ts';
import { type Moment, type RunOrder, type RunOutcome, typeOf } from './runs.ts';

/** What is away. */
export type Outage =
  | 'broker rejects'
  | 'broker hangs'
  | 'database crashes'
  | 'database frozen'
  | 'database refuses';

/** How something is away while operations run. */
export interface OutagePlan {
  readonly outage: Outage;
  /** Where to break a database, and where to connect to. */
  readonly postgres: PostgresServer;
  /** So many calls of `run` at each moment. */
  readonly each: number;
  readonly steps: number;
  readonly stepMs: number;
  readonly awayMs: number;
  /** Default: 30 s. */
  readonly leaseMs?: number;
  readonly cores: Cores;
}

/** What became of it. */
export interface OutageStory {
  readonly plan: OutagePlan;
  readonly outcomes: readonly RunOutcome[];
  /** Durable ones that were under way, too. */
  readonly durable: number;
  /** From the recovery, or the last result, until all pages showed what was so. */
  readonly shownMs: number;
  readonly compared: number;
  /** Events that came before their rows were known to be there are misses; these were looked at. */
  readonly rowChecks: number;
  readonly misses: readonly string[];
}

const TENANT = 'acme';
const USERS = 5;
const TABS = 2;
/** `endWaitMs`, and what a busy machine adds. */
const MAX_LATE_MS = 2000 + 1500;
/** `databaseTimeoutMs`, and what a busy machine adds. */
const MAX_REFUSAL_MS = 10_000 + 1500;
const SETTLE_MS = 20_000;
const LEASE_MS = 30_000;
/** No work may look like this. */
const FALSE_ENDS: readonly OperationState[] = ['failed', 'cancelled', 'crashed'];
const DATABASE_MOMENTS: readonly Moment[] = [
  'before-insert',
  'answer-lost',
  'behind-insert',
  'in-progress',
  'before-end',
];

interface Stage {
  readonly plan: OutagePlan;
  readonly server: LabServer;
  readonly pages: Child;
}

/** Takes something away in the middle of `operations.run`, and gives it back. */
export async function outage(plan: OutagePlan): Promise<OutageStory> {
  const { url } = await createDatabase(plan.postgres.url);
  const { leaseMs = LEASE_MS } = plan;
  const limits = { maxActivePerUser: 1000, leaseMs };
  const durable = { atOnce: plan.each };
  const setup = { ground: { kind: 'postgres', url }, limits, durable, isWatched: true } as const;
  const server = await LabServer.start(setup, plan.cores);
  const pages = newPages(plan.cores);
  try {
    return await play({ plan, server, pages });
  } finally {
    await Promise.all([server.kill(), pages.kill()]);
  }
}

async function play(stage: Stage): Promise<OutageStory> {
  const { plan, server, pages } = stage;
  await pages.ask('open', { url: server.url, people: people() });
  await beginDurable(stage);
  const isBroker = plan.outage.startsWith('broker');
  const outcomes = await (isBroker ? loseBroker(stage) : loseDatabase(stage));
  const begin = performance.now();
  const lost = typeOf('answer-lost');
  const isDone = ({ isDurable, type }: StoredRow) => !isDurable && type !== lost;
  const hasShown = (await comparedTo(stage, isDone, SETTLE_MS)).different === 0;
  const shownMs = performance.now() - begin;
  const comparison = await comparedTo(
    stage,
    () => true,
    1.5 * (plan.leaseMs ?? LEASE_MS) + SETTLE_MS,
  );
  const hasSettled = hasShown && comparison.different === 0;
  const { rowCheck } = await server.report();
  return {
    plan,
    outcomes,
    durable: plan.each,
    shownMs,
    compared: comparison.compared,
    rowChecks: rowCheck.checked - rowCheck.unanswered,
    misses: [
      ...(hasSettled ? [] : await unsettled(stage, comparison)),
      ...outcomes.flatMap(outcomeMisses),
      ...(await storeMisses(stage, outcomes)),
      ...(await sightMisses(stage, outcomes)),
    ],
  };
}

/** Waits until these have ended, and all pages show it. */
async function comparedTo(
  { server, pages }: Stage,
  isMeant: (row: StoredRow) => boolean,
  limitMs: number,
): Promise<Comparison> {
  let comparison: Comparison = { compared: 0, different: 1, differences: ['some have not ended'] };
  await comesTrue(limitMs, async () => {
    const rows = (await server.rows()).filter(isMeant);
    if (!rows.every(({ state }) => isTerminal(state as OperationState))) return false;
    comparison = await pages.ask<Comparison>('compare', { rows });
    return comparison.different === 0;
  });
  return comparison;
}

function people(): Person[] {
  return Array.from({ length: USERS }, (_, n) => ({ tenant: TENANT, user: `u${n}`, tabs: TABS }));
}

function orderOf({ each, steps, stepMs }: OutagePlan, moments: readonly Moment[]): RunOrder {
  return { moments, each, steps, stepMs, tenant: TENANT, users: USERS };
}

/** Durable ones that are under way when it begins. */
async function beginDurable({ plan, server }: Stage): Promise<void> {
  const { each, steps, stepMs } = plan;
  const orders = Array.from(
    { length: each },
    (_, n): Order => ({
      tenant: TENANT,
      user: `u${n % USERS}`,
      audience: 'owner',
      isDurable: true,
      // for as long as it lasts, and some more
      steps: steps + Math.ceil(plan.awayMs / stepMs),
      stepMs,
      seed: n,
    }),
  );
  await server.begin(orders);
  const areBegun = async () => (await server.ask<{ begun: number }>('progress')).begun === each;
  if (!(await comesTrue(SETTLE_MS, areBegun))) throw new Error('no durable operation has begun');
}

/** Some run already when the broker goes away, others begin while it is. */
async function loseBroker({ plan, server }: Stage): Promise<RunOutcome[]> {
  const order = orderOf(plan, ['anywhere', 'failing']);
  await server.ask('run', { order, isHeld: false });
  await sleep((plan.steps * plan.stepMs) / 2);
  const health = plan.outage === 'broker hangs' ? 'hangs' : 'rejects';
  await server.ask('breakBroker', { health });
  await server.ask('run', { order, isHeld: false });
  const outcomes = server.ask<RunOutcome[]>('outcomes');
  await Promise.all([outcomes, sleep(plan.awayMs)]);
  await server.ask('breakBroker', { health: 'fine' });
  return await outcomes;
}

/** Each is held at its moment until the database is away. */
async function loseDatabase({ plan, server }: Stage): Promise<RunOutcome[]> {
  const { postgres, outage: kind, awayMs, each } = plan;
  await server.ask('run', { order: orderOf(plan, DATABASE_MOMENTS), isHeld: true });
  const expected = each * DATABASE_MOMENTS.length;
  const areHeld = async () => (await server.ask<number>('held')) === expected;
  if (!(await comesTrue(SETTLE_MS, areHeld, 20))) throw new Error('not all are at their moments');
  if (kind === 'database frozen') postgres.pause();
  else await postgres.crash();
  await server.ask('release');
  const outcomes = server.ask<RunOutcome[]>('outcomes');
  await sleep(awayMs);
  if (kind === 'database frozen') postgres.resume();
  else await postgres.start();
  return await outcomes;
}

async function unsettled({ server }: Stage, { differences }: Comparison): Promise<string[]> {
  const rows = await server.rows();
  const active = rows.filter(({ state }) => !isTerminal(state as OperationState));
  const said = active.slice(0, 5).map(({ id, state }) => `${id} is ${state} and stays so`);
  return [
    ...said,
    ...differences.map((difference) => `after ${SETTLE_MS / 1000} s: ${difference}`),
  ];
}

/** What has begun succeeds, soon; what could not begin says clearly why. */
function outcomeMisses({ moment, got, lateMs }: RunOutcome): string[] {
  const late = `${moment}: the caller waited ${lateMs.toFixed(0)} ms`;
  if (moment === 'before-insert' || moment === 'answer-lost') {
    const isClear = got.startsWith('OperationStoreError');
    return [
      ...(isClear ? [] : [`${moment}: the caller got “${got}”`]),
      ...(lateMs <= MAX_REFUSAL_MS ? [] : [late]),
    ];
  }
  const expected = moment === 'failing' ? 'UserFacingError: It was to fail' : 'resolved';
  return [
    ...(got === expected ? [] : [`${moment}: the caller got “${got}”`]),
    ...(lateMs <= MAX_LATE_MS ? [] : [late]),
  ];
}

async function storeMisses({ server }: Stage, outcomes: readonly RunOutcome[]): Promise<string[]> {
  const rows = await server.rows();
  const history = await server.history();
  const { rowCheck, uncaught, unpublished, running } = await server.report();
  const begun = new Set(outcomes.flatMap(({ id }) => id ?? []));
  const failing = failingOf(outcomes);
  const isOurs = ({ id, isDurable }: StoredRow) => isDurable || begun.has(id);
  const isRight = (row: StoredRow) =>
    row.attempt === 1 && row.state === (failing.has(row.id) ? 'failed' : 'succeeded');
  const wrong = rows.filter((row) => isOurs(row) && !isRight(row));
  const lost = [...begun].filter((id) => !rows.some((row) => row.id === id));
  // whose answer got lost is there, and nobody does it: then that is said; of all others nothing is left
  const isSaid = ({ type, state }: StoredRow) =>
    type === typeOf('answer-lost') && state === 'crashed';
  const orphans = rows.filter((row) => !isOurs(row) && !isSaid(row));
  const twice = [...endsOf(history)].filter(([, states]) => states.length > 1);
  return [
    ...wrong.map(
      ({ id, state, attempt }) => `${id} is ${state} in attempt ${attempt}, and its work was not`,
    ),
    ...lost.map((id) => `${id} is not in the store, and its work was done`),
    ...orphans.map(({ id, state }) => `${id} is ${state}, and nobody does it`),
    ...twice.map(
      ([name, states]) => `${name} has ended ${states.length} times: ${states.join(', ')}`,
    ),
    ...(unpublished === 0 ? [] : [`of ${unpublished} operations something is not out yet`]),
    ...(running === 0 ? [] : [`${running} attempts still run`]),
    ...offencesOf(history),
    ...rowCheck.ahead,
    ...uncaught,
  ];
}

function failingOf(outcomes: readonly RunOutcome[]): Set<string> {
  const failing = outcomes.filter(({ moment }) => moment === 'failing');
  return new Set(failing.flatMap(({ id }) => id ?? []));
}

/** Has anybody seen what was not so? */
async function sightMisses(
  { server, pages }: Stage,
  outcomes: readonly RunOutcome[],
): Promise<string[]> {
  const failing = failingOf(outcomes);
  const rows = (await server.rows()).filter(({ type }) => type !== typeOf('answer-lost'));
  const seen = await pages.ask<string[]>('sightings', {
    ids: rows.map(({ id }) => id).filter((id) => !failing.has(id)),
    states: FALSE_ENDS,
  });
  const { regressions, errors } = await pages.ask<PagesReport>('report');
  return [...seen, ...regressions, ...errors];
}
