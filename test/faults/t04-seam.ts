import { count, ms } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import { Lab, type LabInit } from './lab.ts';
import type { Races } from './racer.ts';
import { Racers } from './racers.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface SeamPlan {
  readonly races: number;
  readonly racers: number;
  readonly roomsPerTenant: number;
  readonly perSecond: number;
  /** Is it played once more with the protection switched off? */
  readonly hasControl: boolean;
  readonly seed: number;
}

/** Redis' answers, and what it announces, come up to so much later. */
const JITTER_MS = 50;
const STAY_MS = 60;
const TENANTS = ['acme', 'globex'];

/** The moment at which a client comes from what was to what is. */
export const t04: Experiment = {
  name: 'T4',
  title: 'Subscribing in the middle of a burst',
  broken:
    '200 clients on two nodes enter and leave 100 rooms of two tenants 10,000 times, and each time recover what they missed ' +
    'meanwhile, while 5,000 publications a second go to these rooms; what Redis answers and what it announces comes up to ' +
    '50 ms late, each on its own line; every tenth time the client cuts its connection instead',
  holds: 'where history ends and what is live begins nothing is missing, and nothing comes twice',
  run: async ({ scale, seed }) =>
    await seam({
      races: 10_000 * scale,
      racers: scale < 1 ? 50 : 200,
      roomsPerTenant: 50,
      perSecond: scale < 1 ? 1_000 : 5_000,
      hasControl: true,
      seed,
    }),
};

export async function seam(plan: SeamPlan): Promise<Story> {
  const { verdict, races, perSecond } = await playRaces(plan, { seed: plan.seed });
  const { gaps, recovered, outcomes, latencies } = verdict.clients;
  const sentAway = outcomes['unsubscribed 2500'] ?? 0;
  const raced = races.fresh + races.recovering;
  const duplicates = verdict.violations.filter(({ invariant }) => invariant === 'I4').length;
  return {
    happened:
      `${count(raced)} subscribes, ${count(recovered)} of them recovered; with ${count(races.brought)} replies came ` +
      `publications of meanwhile, and ${count(races.close)} publications came within 20 ms behind a reply.`,
    figures: {
      races: count(raced),
      duplicates: count(duplicates),
      gaps: count(gaps),
      'sent to recover again by the server': count(sentAway),
      'publications a second': count(perSecond),
      'delivered after': `p50 ${ms(latencies.quantile(0.5))}, p99 ${ms(latencies.quantile(0.99))}`,
    },
    proofs: [
      { what: 'a client recovered', times: recovered },
      { what: 'something was published while a client was away', times: races.brought },
      { what: 'something was published while a client came', times: races.close },
    ],
    verdicts: [verdict],
    controls: plan.hasControl ? [await withoutSeam(plan)] : [],
    misses: gaps > 0 ? [`${gaps} gap signals inside the window`] : [],
  };
}

async function playRaces(
  plan: SeamPlan,
  init: LabInit,
): Promise<{ verdict: Verdict; races: Races; perSecond: number }> {
  const { racers: size, roomsPerTenant, perSecond, seed } = plan;
  const limits = {
    ...{ publishesPerSecond: Infinity, subscribesPerSecond: Infinity, commandsPerSecond: Infinity },
    // However slow the machine is, what a client misses while it is away is to be within it.
    history: { size: 10_000, ttlMs: 300_000, maxBytes: 4 * 1024 * 1024 },
  };
  const lab = await Lab.open({ hasRemoteProxies: true, limits, ...init });
  try {
    const { to } = castOf(TENANTS, roomsPerTenant);
    const racers = new Racers({
      ...{ urls: lab.urls, tenantIds: TENANTS, rooms: roomsPerTenant, seed },
      ...{ count: size, racesEach: Math.ceil(plan.races / size), stayMs: STAY_MS },
    });
    lab.crowds.push(racers);
    await delayAnswers(lab);
    await lab.load({ to, perSecond });
    const begin = performance.now();
    const races = await racers.race();
    const seconds = (performance.now() - begin) / 1_000;
    const published = await publishedBy(lab);
    await Promise.all(lab.nodes.map(({ commands }) => commands.pass()));
    return { verdict: await judge(lab), races, perSecond: published / seconds };
  } finally {
    await lab.close();
  }
}

async function delayAnswers({ nodes }: Lab): Promise<void> {
  const cables = nodes.flatMap(({ commands, subscriptions }) => [commands, subscriptions]);
  await Promise.all(cables.map((cable) => cable.delay(0, JITTER_MS, 's2c')));
}

async function publishedBy({ nodes }: Lab): Promise<number> {
  const reports = await Promise.all(nodes.map(({ process }) => process.report()));
  return reports.reduce((sum, { published }) => sum + published.accepted, 0);
}

/** A node looks into the history first, and follows the channel then. */
async function withoutSeam({ seed }: SeamPlan): Promise<Control> {
  const plan: SeamPlan = {
    ...{ races: 200, racers: 20, roomsPerTenant: 5, perSecond: 500, hasControl: false, seed },
  };
  const fault = 'history is read before its channel is followed';
  const { verdict } = await playRaces(plan, { seed, fault });
  return {
    off: 'the order of following and reading',
    expected: 'I3',
    violations: verdict.violations,
  };
}
