import { CEILING, OWN, type PeerEntry, RIVAL } from './peers.ts';
import { hottest } from './report/hottest.ts';
import { asText } from './report/table.ts';
import { type Effort, isQuiet, type Measures, type Scenario } from './scenarios/scenario.ts';
import { type Audience, Stage } from './stage.ts';

/** How often a measurement is tried that cannot be cut into slices. */
const ATTEMPTS = 3;

/** One measurement of one scenario on one peer. */
export interface Run {
  readonly round: number;
  /** Within the round: peers take turns, slice by slice. */
  readonly slice: number;
  readonly scenario: string;
  readonly peer: string;
  readonly measures: Measures;
}

/** What is to be run. */
export interface Plan {
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly PeerEntry[];
  readonly rounds: number;
  readonly slices: number;
  /** Peers that are up at once: with more of them each finds its core's caches cold at its turn. */
  readonly together: number;
  readonly effort: Effort;
  /** Of the turn that is nobody's figure. Default: as of any other. */
  readonly firstEffort?: Effort;
  /** The folder for CPU profiles of the servers; absent: none are made. */
  readonly profiles?: string;
}

/** Runs everything, round by round, each with new processes. */
export async function* runAll(plan: Plan): AsyncGenerator<Run> {
  for (let round = 1; round <= plan.rounds; round += 1) {
    const due = plan.scenarios.filter(({ isOnce = false }) => round === 1 || !isOnce);
    for (const group of groupsOf(due)) {
      const [first] = group;
      for (const few of companiesOf(plan)) {
        const turn = { ...plan, peers: rotated(few, round - 1) };
        if (first.audience) yield* together(turn, round, group, first.audience);
        else yield* oneByOne(turn, round, first);
      }
    }
  }
}

/** Those that the goals compare are together. */
function companiesOf({ peers: all, together: size }: Plan): PeerEntry[][] {
  const isCompared = ({ name }: PeerEntry) => [OWN, CEILING, RIVAL].includes(name);
  const ordered = [...all.filter(isCompared), ...all.filter((peer) => !isCompared(peer))];
  return Array.from({ length: Math.ceil(ordered.length / size) }, (_, n) =>
    ordered.slice(n * size, (n + 1) * size),
  );
}

/**
 * A few servers of an audience are up at once and take turns at each work: the machine's speed drifts
 * from minute to minute, and what is compared must be of the same second.
 */
async function* together(
  plan: Plan,
  round: number,
  group: readonly Scenario[],
  audience: Audience,
): AsyncGenerator<Run> {
  const stages: Stage[] = [];
  try {
    for (const peer of plan.peers) {
      if (!group.some((scenario) => isFor(scenario, peer))) continue;
      // oxlint-disable-next-line no-await-in-loop -- each has the machine for its start
      const stage = await Stage.start({ peer, setup: {}, ...audience });
      stages.push(stage);
      // oxlint-disable-next-line no-await-in-loop -- see above
      await stage.open(audience);
    }
    for (const scenario of group) {
      const able = stages.filter(({ peer }) => isFor(scenario, peer));
      // Slice 0 is nobody's figure: the compiler is still at work.
      for (let slice = 0; slice <= plan.slices; slice += 1) {
        const { firstEffort = plan.effort } = plan;
        const turn = slice === 0 ? { ...plan, effort: firstEffort } : plan;
        for (const stage of rotated(able, slice)) {
          // oxlint-disable-next-line no-await-in-loop -- by turns
          const run = await runOf(turn, scenario, stage, { round, slice });
          if (slice > 0) yield run;
        }
      }
    }
  } finally {
    await Promise.all(stages.map((stage) => stage.stop()));
  }
}

/** What begins with no connection has a server of its own, and the machine for itself. */
async function* oneByOne(plan: Plan, round: number, scenario: Scenario): AsyncGenerator<Run> {
  for (const peer of plan.peers) {
    if (!isFor(scenario, peer)) continue;
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const stage = await Stage.start({ peer, setup: scenario.setup ?? {} });
    try {
      yield await runOf(plan, scenario, stage, { round, slice: 1 });
    } finally {
      // oxlint-disable-next-line no-await-in-loop -- see above
      await stage.stop();
    }
  }
}

async function runOf(
  { effort, profiles }: Plan,
  scenario: Scenario,
  stage: Stage,
  { round, slice }: Pick<Run, 'round' | 'slice'>,
): Promise<Run> {
  const { name } = scenario;
  const peer = stage.peer.name;
  const work = () => quietMeasures(scenario, stage, effort);
  const file = profiles && slice > 0 && `${profiles}${name}-${peer}-${round}`;
  try {
    const measures = await (file ? profiled(stage, file, work) : work());
    return { round, slice, scenario: name, peer, measures };
  } catch (error) {
    throw new Error(`${name} on ${peer}, round ${round}`, { cause: error });
  }
}

/** Says where the server spent its time. The profiler's own cost is in the figures. */
async function profiled<T>(stage: Stage, file: string, work: () => Promise<T>): Promise<T> {
  if (stage.peer.name === 'bun') return await work();
  await Promise.all(stage.servers.map((server) => server.ask('startProfile')));
  const result = await work();
  for (const [index, server] of stage.servers.entries()) {
    const path = `${file}${index === 0 ? '' : `-node-${index + 1}`}.cpuprofile`;
    // oxlint-disable-next-line no-await-in-loop -- nothing is measured any more
    await server.ask('endProfile', { file: path });
    console.log(`\n${path}\n${asText(hottest(path))}\n`);
  }
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

function isFor({ peers }: Scenario, { name }: PeerEntry): boolean {
  return peers?.includes(name) ?? true;
}

/** Scenarios with the same audience share their servers. */
function groupsOf(scenarios: readonly Scenario[]): [Scenario, ...Scenario[]][] {
  const groups: [Scenario, ...Scenario[]][] = [];
  for (const scenario of scenarios) {
    const { audience } = scenario;
    const group = audience && groups.find(([first]) => first.audience === audience);
    if (group) group.push(scenario);
    else groups.push([scenario]);
  }
  return groups;
}

/** Nobody is always the first. */
function rotated<T>(list: readonly T[], by: number): T[] {
  const start = by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
