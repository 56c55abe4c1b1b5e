import { isTerminal, type OperationState } from '@trunkline/contract';
import { seeded } from '../../../packages/server/test/seeded.ts';
import { comesTrue } from '../../comes-true.ts';
import type { Child } from '../child.ts';
import { now, type Order, type Person, type StoredRow } from './cast.ts';
import { type Cores, LabServer, newPages } from './cluster.ts';
import { endsOf, offencesOf } from './history.ts';
import type { Comparison, PagesReport, ToastCheck } from './pages.ts';
import type { Ground } from './store.ts';

/** How a server that runs operations is to die. */
export interface CrashPlan {
  readonly ground: Ground;
  /** Who goes on: the server itself, started again at once, or another one that is there already. */
  readonly heir: 'itself' | 'another';
  readonly operations: number;
  /** Is every other one durable? */
  readonly hasDurable: boolean;
  readonly owners: number;
  readonly steps: number;
  readonly stepMs: number;
  /** Default: 30 s. */
  readonly leaseMs?: number;
  readonly cores: Cores;
  readonly seed: number;
  /** How long the pages have to show what is so. Default: 20 s. */
  readonly settleMs?: number;
}

/** What became of everything. */
export interface CrashStory {
  readonly plan: CrashPlan;
  /** How far the operations were on average. */
  readonly killedAt: number;
  readonly pages: number;
  readonly crashed: number;
  readonly durable: number;
  /** From the kill until a page showed a crashed operation as that, the shortest first. */
  readonly crashedMs: readonly number[];
  /** From the kill until a page showed that a durable one waits for its next attempt. */
  readonly queuedMs: readonly number[];
  readonly views: number;
  readonly compared: number;
  readonly retried: number;
  readonly rowChecks: number;
  readonly misses: readonly string[];
}

const TENANT = 'acme';
const NEIGHBOUR = 'globex';
const TABS = 2;
const WATCHERS = 4;
const KILL_AT = 60;
const NEIGHBOURS = 20;
/** Promised (P16 d). */
const MAX_CRASHED_MS = 45_000;
const SETTLE_MS = 20_000;

interface Stage {
  readonly plan: CrashPlan;
  readonly server: LabServer;
  /** Who goes on. */
  readonly heir: LabServer;
  readonly pages: Child;
  /** Pages of those whose operations run at the other server. */
  readonly neighbours: Child | null;
}

/** Plays it, and looks at what everybody saw. */
export async function crash(plan: CrashPlan): Promise<CrashStory> {
  const { ground, operations, hasDurable, leaseMs, cores } = plan;
  const setup = {
    ground,
    limits: { ...(leaseMs ? { leaseMs } : {}), maxActivePerUser: operations },
    ...(hasDurable ? { durable: { atOnce: operations } } : {}),
    isWatched: true,
  };
  const isAlone = plan.heir === 'itself';
  const server = await LabServer.start(setup, cores);
  const heir = isAlone ? server : await LabServer.start({ ...setup, isReserve: true }, cores);
  const pages = newPages(cores);
  const neighbours = isAlone ? null : newPages(cores);
  try {
    return await play({ plan, server, heir, pages, neighbours });
  } finally {
    await Promise.all([server.kill(), heir.kill(), pages.kill(), neighbours?.kill()]);
  }
}

async function play(stage: Stage): Promise<CrashStory> {
  const { plan, server, heir, pages, neighbours } = stage;
  const count = await pages.ask<number>('open', { url: server.url, people: peopleOf(plan) });
  if (neighbours) await openNeighbours(stage, neighbours);
  await server.begin(ordersOf(plan));
  const killedAt = await percentageOfKill(stage);
  const last = await server.report();
  const killedMs = now();
  await server.kill();
  await goOn(stage);
  const hasEnded = await comesTrue(limitOf(plan), async () => (await heir.rows()).every(isOver));
  const rows = (await heir.rows()).filter(({ tenant }) => tenant === TENANT);
  const misses = [...last.rowCheck.ahead, ...last.uncaught];
  if (!hasEnded) misses.push('not every operation has ended');
  misses.push(...endMisses(rows), ...(await viewMisses(stage)));
  const crashedRows = rows.filter(({ state }) => state === 'crashed');
  const crashedMs = await delays(pages, crashedRows, 'crashed', killedMs);
  const queuedMs = await delays(
    pages,
    rows.filter(({ isDurable }) => isDurable),
    'queued',
    killedMs,
  );
  misses.push(...timeMisses(crashedMs));
  // on what is wrong already nobody can build
  if (misses.length === 0) misses.push(...(await retryMisses(stage, crashedRows)));
  const report = await pages.ask<PagesReport>('report');
  const { rowCheck } = await heir.report();
  return {
    plan,
    killedAt,
    pages: count,
    crashed: crashedRows.length,
    durable: rows.length - crashedRows.length,
    crashedMs: known(crashedMs),
    queuedMs: known(queuedMs),
    views: report.views,
    compared: (await pages.ask<Comparison>('compare', { rows: await heir.rows() })).compared,
    retried: crashedRows.length,
    rowChecks: last.rowCheck.checked + rowCheck.checked,
    misses: [...misses, ...(await finalMisses(stage))],
  };
}

/** Owners with some tabs, and others who only look. */
function peopleOf({ owners }: CrashPlan): Person[] {
  const own = Array.from({ length: owners }, (_, n) => ({ user: `u${n}`, isClerk: n % 5 === 0 }));
  const watching = Array.from({ length: WATCHERS }, (_, n) => ({ user: `w${n}`, isCurious: true }));
  return [...own, ...watching].map((person) => ({ tenant: TENANT, tabs: TABS, ...person }));
}

function ordersOf(plan: CrashPlan): Order[] {
  const { operations, owners, hasDurable, steps, stepMs } = plan;
  const random = seeded(plan.seed);
  return Array.from({ length: operations }, (_, n) => ({
    tenant: TENANT,
    user: `u${Math.floor(n / 2) % owners}`,
    audience: n % 10 === 0 ? 'tenant' : n % 10 === 1 ? 'clerks' : 'owner',
    isDurable: hasDurable && n % 2 === 0,
    steps,
    stepMs,
    seed: Math.floor(random() * 1e9),
  }));
}

/** The heir has operations and people of its own, which the kill is nothing to. */
async function openNeighbours({ plan, heir }: Stage, neighbours: Child): Promise<void> {
  const people = [{ tenant: NEIGHBOUR, user: 'u0', tabs: TABS }];
  await neighbours.ask('open', { url: heir.url, people });
  const orders = ordersOf({ ...plan, operations: NEIGHBOURS, owners: 1, hasDurable: false });
  await heir.begin(orders.map((order) => ({ ...order, tenant: NEIGHBOUR })));
}

/** Waits until they are far enough. */
async function percentageOfKill({ plan, server }: Stage): Promise<number> {
  let percentage = 0;
  const isFar = async () => {
    const progress = await server.ask<{ begun: number; percentage: number }>('progress');
    ({ percentage } = progress);
    return progress.begun >= plan.operations && percentage >= KILL_AT;
  };
  const limitMs = 3 * plan.steps * plan.stepMs + SETTLE_MS;
  if (await comesTrue(limitMs, isFar, 20)) return percentage;
  throw new Error(`the operations do not get to ${KILL_AT} %, they are at ${percentage} %`);
}

async function goOn({ plan, server, heir, pages }: Stage): Promise<void> {
  if (heir === server) {
    await server.restart();
    return;
  }
  await pages.ask('route', { port: heir.port });
  if (plan.hasDurable) await heir.ask('takeDurable');
}

function limitOf({ steps, stepMs, leaseMs = 30_000, settleMs = SETTLE_MS }: CrashPlan): number {
  return 1.5 * leaseMs + 3 * steps * stepMs + settleMs;
}

function isOver({ state }: StoredRow): boolean {
  return isTerminal(state as OperationState);
}

/** Durable ones come to their end in the second attempt, all others have crashed in the first. */
function endMisses(rows: readonly StoredRow[]): string[] {
  return rows.flatMap(({ id, isDurable, state, attempt }) => {
    const expected = isDurable ? 'succeeded in attempt 2' : 'crashed in attempt 1';
    const became = `${state} in attempt ${attempt}`;
    return became === expected ? [] : [`${id} is ${became}, not ${expected}`];
  });
}

/** Do all pages show what is so, and the owners' toasts too? */
async function viewMisses({ plan, heir, pages, neighbours }: Stage): Promise<string[]> {
  const { settleMs = SETTLE_MS } = plan;
  const misses: string[] = [];
  for (const some of neighbours ? [pages, neighbours] : [pages]) {
    let seen: Comparison | null = null;
    const isEqual = async () => {
      seen = await some.ask<Comparison>('compare', { rows: await heir.rows() });
      return seen.different === 0;
    };
    if (!(await comesTrue(settleMs, isEqual))) {
      const { different, differences } = seen as unknown as Comparison;
      misses.push(`${different} views differ from the store: ${differences.join('; ')}`);
      continue;
    }
    const rows = await heir.rows();
    let problems: string[] = [];
    const isRight = async () => {
      const { wrong, repeated } = await some.ask<ToastCheck>('toasts', { rows });
      problems = [...wrong, ...repeated];
      return problems.length === 0;
    };
    if (!(await comesTrue(settleMs, isRight))) misses.push(...problems.slice(0, 5));
  }
  return misses;
}

async function delays(
  pages: Child,
  rows: readonly StoredRow[],
  state: OperationState,
  from: number,
): Promise<(number | null)[]> {
  const times = await pages.ask<(number | null)[]>('since', { rows, state });
  return times
    .map((time) => (time === null ? null : time - from))
    .toSorted((a, b) => (a ?? 0) - (b ?? 0));
}

function known(times: readonly (number | null)[]): number[] {
  return times.filter((time) => time !== null);
}

function timeMisses(times: readonly (number | null)[]): string[] {
  const never = times.filter((time) => time === null).length;
  const late = known(times).filter((time) => time > MAX_CRASHED_MS).length;
  return [
    ...(never === 0 ? [] : [`${never} times nobody was told that an operation had crashed`]),
    ...(late === 0 ? [] : [`${late} times that took more than ${MAX_CRASHED_MS / 1000} s`]),
  ];
}

/** Each crashed operation has a toast with Retry, which makes it run again, to its end. */
async function retryMisses(stage: Stage, crashed: readonly StoredRow[]): Promise<string[]> {
  const { plan, heir, pages } = stage;
  const ids = crashed.map(({ id }) => id);
  const pressed = await pages.ask<string[]>('press', { ids, word: 'Retry' });
  const misses =
    pressed.length === ids.length ? [] : [`${ids.length - pressed.length} have no Retry`];
  const isDone = async () => {
    const rows = (await heir.rows()).filter(({ id }) => pressed.includes(id));
    return rows.every(({ state, attempt }) => state === 'succeeded' && attempt === 2);
  };
  if (!(await comesTrue(limitOf(plan), isDone))) misses.push('Retry has not made all succeed');
  return [...misses, ...(await viewMisses(stage))];
}

/** What nobody may ever have seen. */
async function finalMisses({ heir, pages, neighbours }: Stage): Promise<string[]> {
  const history = await heir.history();
  const ends = [...endsOf(history)].filter(([, states]) => states.length > 1);
  const { rowCheck, uncaught } = await heir.report();
  const reports = [pages, ...(neighbours ? [neighbours] : [])].map((some) =>
    some.ask<PagesReport>('report'),
  );
  const seen = (await Promise.all(reports)).flatMap(({ regressions, errors }) => [
    ...regressions,
    ...errors,
  ]);
  const rows = await heir.rows();
  const disturbed = rows.filter(({ tenant, attempt }) => tenant === NEIGHBOUR && attempt > 1);
  return [
    ...offencesOf(history),
    ...ends.map(
      ([name, states]) => `${name} has ended ${states.length} times: ${states.join(', ')}`,
    ),
    ...rowCheck.ahead,
    ...uncaught,
    ...seen,
    ...disturbed.map(({ id }) => `${id} was not the dead server's, and began anew`),
  ];
}
