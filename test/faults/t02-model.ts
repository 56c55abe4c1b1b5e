import fc from 'fast-check';
import { type Scenario, scenarios } from '../../packages/server/test/model/scenario.ts';
import { count, ms, tally } from '../lab/report.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import { Lab, type LabInit } from './lab.ts';
import { ModelStory, type Surroundings } from './t02-story.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface ModelPlan extends Surroundings {
  readonly seeds: readonly number[];
  /** Is it played once more with the protection switched off, and long enough that everything happens? */
  readonly isWhole: boolean;
}

const MAX_CAST = 12;
const MOST_STEPS_PER_SECOND = 40;
/** By then everybody is where the model says, and what was lost before a silence was found. */
const REST_MS = 35_000;
/** Where something is sure to be missed in the end, nobody waits for it so long. */
const CONTROL_REST_MS = 5_000;
const KIB = 1024;

/** Whatever users do, under whatever faults. */
export const t02: Experiment = {
  name: 'T2',
  title: 'Random users, random faults',
  broken:
    'the stories of the model (T1) on three nodes: users connect, leave, enter rooms, are put into rooms and taken out, ' +
    'publish, lose their network; meanwhile nodes are killed and frozen, Redis is frozen and takes no writes, and each line (clients, ' +
    'commands, subscriptions) is reset, refused, dark or late, at random, for up to 5 s each',
  holds: 'all invariants, and in the end everybody is where the model says, and so is presence',
  run: async ({ scale, seed }) =>
    await model({
      seeds: Array.from({ length: seedCount(scale) }, (_, n) => seed + n),
      seconds: scale < 1 ? 15 : 60,
      listeners: 60,
      perSecond: 100,
      isWhole: true,
    }),
};

/** Every night twenty, by day three. */
function seedCount(scale: number): number {
  if (scale > 1) return 20;
  return scale < 1 ? 1 : 3;
}

export async function model(plan: ModelPlan): Promise<Story> {
  const runs: Run[] = [];
  for (const seed of plan.seeds) {
    // oxlint-disable-next-line no-await-in-loop -- each needs the whole machine
    runs.push(await playSeed(plan, { seed }));
  }
  const verdicts = runs.map(({ verdict }) => verdict);
  const sum = (of: (run: Run) => number) => runs.reduce((total, run) => total + of(run), 0);
  const faults: Record<string, number> = {};
  for (const [name, times] of runs.flatMap((run) => Object.entries(run.faults))) {
    faults[name] = (faults[name] ?? 0) + times;
  }
  const broken = sum((run) => run.verdict.violations.length + run.misses.length);
  return {
    happened:
      `${count(plan.seeds.length)} stories of ${plan.seconds} s, ${count(sum(({ steps }) => steps))} steps, ` +
      `${count(Object.values(faults).reduce((total, times) => total + times, 0))} faults.`,
    figures: {
      violations: count(broken),
      deliveries: count(sum(({ verdict }) => verdict.clients.deliveries)),
      recoveries: count(sum(({ verdict }) => verdict.clients.recovered)),
      'gap signals': count(sum(({ verdict }) => verdict.clients.gaps)),
      'filled in by nodes': count(sum((run) => repairedIn(run.verdict))),
      'at rest after': `at most ${ms(Math.max(...runs.map(({ restMs }) => restMs)))}`,
      faults: tally(faults),
    },
    proofs: [
      { what: 'something was broken', times: Object.keys(faults).length },
      { what: 'a client recovered', times: sum(({ verdict }) => verdict.clients.recovered) },
      ...(plan.isWhole ? proofsOfAll(verdicts) : []),
    ],
    verdicts,
    controls: plan.isWhole ? [await withoutRepair(plan)] : [],
    misses: runs.flatMap((run) => run.misses),
  };
}

/** What came of one seed. */
interface Run {
  readonly verdict: Verdict;
  readonly faults: Readonly<Record<string, number>>;
  readonly steps: number;
  /** How long it took, from the end of all faults, until everything was as the model says. */
  readonly restMs: number;
  readonly misses: readonly string[];
}

async function playSeed(plan: ModelPlan, init: LabInit): Promise<Run> {
  const { seconds } = plan;
  const arbitrary = scenarios(Math.round(seconds * MOST_STEPS_PER_SECOND), MAX_CAST);
  const [scenario] = fc.sample(arbitrary, { seed: init.seed, numRuns: 1 });
  if (!scenario) throw new Error('fast-check gave no scenario');
  const lab = await openLab(scenario, init);
  try {
    const story = await ModelStory.open(lab, scenario, plan);
    await story.run(scenario.steps, plan);
    const patienceMs = init.fault === undefined ? REST_MS : CONTROL_REST_MS;
    const { restMs, misses } = await story.rest(patienceMs);
    const verdict = await judge(lab, { others: story.actors.published, patienceMs });
    return { verdict, faults: story.faults.counts, steps: story.steps, restMs, misses };
  } finally {
    await lab.close();
  }
}

async function openLab({ maxBacklogBytes }: Scenario, init: LabInit): Promise<Lab> {
  const history = { size: 60, ttlMs: 60_000, maxBytes: 96 * KIB };
  return await Lab.open({
    nodes: 3,
    hasRemoteProxies: true,
    app: new URL('t02-model-app.ts', import.meta.url).href,
    // Small, so that all are met: as in T1, but for what would be over before a fault is.
    limits: {
      history,
      userHistory: { ...history, size: 30 },
      maxQueuedBytes: 256 * KIB,
      maxRecoveryBytes: 128 * KIB,
      pingIntervalMs: 4_000,
      pongTimeoutMs: 3_000,
      tokenLeadMs: 200,
      tokenGraceMs: 25,
      presenceTtlMs: 5_000,
      presenceIntervalMs: 2_000,
      publishesPerSecond: 400,
      fanOutSlice: 3,
      maxFanOutBacklogBytes: maxBacklogBytes,
    },
    ...init,
  });
}

function proofsOfAll(verdicts: readonly Verdict[]): Story['proofs'] {
  const sum = (of: (verdict: Verdict) => number) =>
    verdicts.reduce((total, verdict) => total + of(verdict), 0);
  return [
    { what: 'a client was told of a gap', times: sum(({ clients }) => clients.gaps) },
    { what: 'a node filled a gap in', times: sum(repairedIn) },
  ];
}

function repairedIn({ nodes }: Verdict): number {
  return nodes.reduce((sum, { stats }) => sum + stats.counts.repaired, 0);
}

/** The same story, but nobody looks at offsets, or compares them with Redis. */
async function withoutRepair({
  seeds: [seed = 1],
  listeners,
  perSecond,
}: ModelPlan): Promise<Control> {
  const families = ['lose'] as const;
  const plan: ModelPlan = {
    seeds: [seed],
    seconds: 10,
    listeners,
    perSecond,
    families,
    isWhole: false,
  };
  const fault = 'nobody notices what is missing';
  const { verdict } = await playSeed(plan, { seed, fault });
  return { off: 'the looking for gaps', expected: 'I3', violations: verdict.violations };
}
