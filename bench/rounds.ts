import type { PeerEntry } from './peers.ts';
import { hottest } from './report/hottest.ts';
import { asText } from './report/table.ts';
import { type Effort, isQuiet, type Measures, type Scenario } from './scenarios/scenario.ts';
import { Stage } from './stage.ts';

/** How often one measurement is tried. */
const ATTEMPTS = 3;

/** One run of one scenario on one peer. */
export interface Run {
  readonly round: number;
  readonly scenario: string;
  readonly peer: string;
  readonly measures: Measures;
}

/** What is to be run. */
export interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly PeerEntry[];
  readonly rounds: number;
  readonly effort: Effort;
  /** The folder for CPU profiles of the servers; absent: none are made. */
  readonly profiles?: string;
}

/** Runs everything: round by round, in each the peers one after the other, so that all see the same machine. */
export async function* runAll(plan: Plan): AsyncGenerator<Run> {
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const group of groupsOf(plan.scenarios)) {
      for (const peer of rotated(plan.peers, round - 1)) {
        const chosen = group.filter(({ peers }) => peers?.includes(peer.name) ?? true);
        if (chosen.length > 0) yield* runGroup(plan, round, peer, chosen);
      }
    }
  }
}

async function* runGroup(
  { effort, profiles }: Plan,
  round: number,
  peer: PeerEntry,
  group: readonly Scenario[],
): AsyncGenerator<Run> {
  const [{ name, audience, setup = {} }] = group as readonly [Scenario];
  const stage = await Stage.start({ peer, setup });
  try {
    if (audience) await stage.open(audience);
    for (const scenario of group) {
      const work = () => quietMeasures(scenario, stage, effort);
      const file = profiles && `${profiles}${scenario.name}-${peer.name}-${round}.cpuprofile`;
      // oxlint-disable-next-line no-await-in-loop -- one after the other, on the same server
      const measures = await (file ? profiled(stage, file, work) : work());
      yield { round, scenario: scenario.name, peer: peer.name, measures };
    }
  } catch (error) {
    throw new Error(`${name} on ${peer.name}, round ${round}`, { cause: error });
  } finally {
    await stage.stop();
  }
}

/** Says where the server spent its time. The profiler's own cost is in the figures. */
async function profiled<T>(stage: Stage, file: string, work: () => Promise<T>): Promise<T> {
  if (stage.peer.name === 'bun') return await work();
  await stage.server.ask('startProfile');
  const result = await work();
  await stage.server.ask('endProfile', { file });
  console.log(`\n${file}\n${asText(hottest(file))}\n`);
  return result;
}

/** Where others have disturbed it, it is measured again, and the quietest counts. */
async function quietMeasures(scenario: Scenario, stage: Stage, effort: Effort): Promise<Measures> {
  let quietest = await scenario.measure(stage, effort);
  for (let again = 1; again < ATTEMPTS && !isQuiet(quietest); again += 1) {
    if (!scenario.isRepeatable) break;
    // oxlint-disable-next-line no-await-in-loop -- until it is quiet
    const measures = await scenario.measure(stage, effort);
    if ((measures.otherCores ?? 0) < (quietest.otherCores ?? 0)) quietest = measures;
  }
  return quietest;
}

/** Scenarios that follow each other with the same audience share a server. */
function groupsOf(scenarios: readonly Scenario[]): Scenario[][] {
  const groups: Scenario[][] = [];
  for (const scenario of scenarios) {
    const last = groups.at(-1);
    const isShared = scenario.audience !== null && last?.[0]?.audience === scenario.audience;
    if (isShared) last.push(scenario);
    else groups.push([scenario]);
  }
  return groups;
}

/** Nobody is always the first. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
