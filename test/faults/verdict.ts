import { check, type Invariant, type Violation } from '../../packages/server/test/model/checker.ts';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { type ConvergeOptions, converge, defaultConvergence } from './convergence.ts';
import { addUp, type CrowdTotals } from './crowd.ts';
import type { Lab } from './lab.ts';
import { type Ledgers, ledgersOf } from './ledgers.ts';
import type { NodeReport } from './node-child.ts';
import { leftovers } from './resources.ts';

/** What the ledgers of a run come to. */
export interface Verdict {
  /** Empty: every promise was kept. */
  readonly violations: readonly Violation[];
  readonly published: Readonly<Record<Published['outcome'], number>>;
  readonly clients: CrowdTotals;
  /** How long it took, from the end of all faults, until every live subscriber stood at the top. */
  readonly convergenceMs: number;
  /** Of the nodes that live. */
  readonly nodes: readonly NodeReport[];
  readonly ledgers: Ledgers;
}

/** How a run is judged. */
export interface JudgeOptions extends Partial<ConvergeOptions> {
  /** Are the nodes to be left by all clients, and looked at for what stays behind (I8)? Default yes. */
  readonly isLeft?: boolean;
}

const defaults: Required<JudgeOptions> = { ...defaultConvergence, isLeft: true };

/** Ends a run whose faults are over: lets everybody come to rest, and holds the ledgers against each other. */
export async function judge(lab: Lab, options: JudgeOptions = {}): Promise<Verdict> {
  const settings = { ...defaults, ...options };
  const { isLeft, others } = settings;
  const begin = performance.now();
  await lab.stopLoad();
  const rest = await converge(lab, settings);
  const convergenceMs = performance.now() - begin;
  const ledgers = await ledgersOf(lab, others);
  const nodes = await reportsOf(lab);
  const clients = addUp(await Promise.all(lab.crowds.map((crowd) => crowd.totals())));
  const found = check({
    ...ledgers,
    losesUnkept: true,
    repeatsUnplaced: true,
    readers: ledgers.readers(),
    frames: clients.foreign,
  });
  const left = isLeft ? await leave(lab) : [];
  const violations = [...found, ...rest, ...uncaught(nodes), ...left];
  return { violations, published: outcomesOf(ledgers), clients, convergenceMs, nodes, ledgers };
}

/** How many violations there are of each invariant. */
export function byInvariant(violations: readonly Violation[]): Partial<Record<Invariant, number>> {
  const groups = Map.groupBy(violations, ({ invariant }) => invariant);
  return Object.fromEntries([...groups].map(([invariant, all]) => [invariant, all.length]));
}

async function reportsOf({ nodes }: Lab): Promise<NodeReport[]> {
  const running = nodes.filter(({ process }) => process.isRunning);
  return await Promise.all(running.map(({ process }) => process.report()));
}

function uncaught(reports: readonly NodeReport[]): Violation[] {
  return reports
    .flatMap((report) => report.uncaught)
    .map((error) => ({ invariant: 'I8', message: `Nobody caught: ${error}` }));
}

async function leave(lab: Lab): Promise<Violation[]> {
  await Promise.all(lab.crowds.map((crowd) => crowd.leave()));
  return await leftovers(lab);
}

function outcomesOf({ published }: Ledgers): Verdict['published'] {
  const count = (outcome: Published['outcome']) =>
    published.filter((each) => each.outcome === outcome).length;
  return { accepted: count('accepted'), rejected: count('rejected'), unknown: count('unknown') };
}
