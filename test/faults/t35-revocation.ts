import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../packages/server/test/seeded.ts';
import { TENANTS } from '../lab/cast.ts';
import { Child } from '../lab/child.ts';
import type { MembersReport } from '../lab/members.ts';
import { count, ms, tally } from '../lab/report.ts';
import { deckOf, playLane } from '../lab/revocation-deck.ts';
import { type Outcome, type Scene, type Way, ways } from '../lab/revocation-ways.ts';
import { quantile } from '../lab/stall-meter.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab, type LabInit } from './lab.ts';
import { type Disturbance, disturbances } from './t35-disturbances.ts';
import { RevokingNodes } from './t35-nodes.ts';
import { type Return, returnOf } from './t35-zombie.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface RevocationPlan {
  /** Of each of five tenants. */
  readonly users: number;
  /** Part of the times that each way is played on one node; during each disturbance a fifth of it. */
  readonly share: number;
  readonly perSecond: number;
  /** Is a node frozen for so long that the others take it for gone? */
  readonly hasZombie: boolean;
  readonly seed: number;
}

/** P11. */
const P99_MS = 1_000;
const MOST_MS = 5_000;
const BYSTANDERS = 12;
/** By then the last publication has come to everybody. */
const ARRIVED_MS = 1_000;

/** What is taken from somebody is over on all nodes. */
export const t35: Experiment = {
  name: 'T35',
  title: 'Access is taken away on three nodes',
  broken:
    'rooms, roles, policies, users and tenants are revoked at random, each on any of three nodes, under 500 publications a ' +
    'second; also from those who are away and come back to recover, at that moment, to another node; the same while Redis is frozen for ' +
    '3 and 1 s in turn, while the subscriptions of one node are refused for 3 s, while a node is frozen for 1 s; ' +
    'and while a node is frozen until the others take it for gone',
  holds:
    'each takes effect on every node within 1 s (p99), and 5 s at most, counted from when what was broken is whole again; behind the acknowledgement not a byte of it is ' +
    'written, nobody gets it back, and nobody else notices',
  run: async ({ scale, seed }) =>
    await revocation({
      users: Math.max(12, Math.round(40 * scale)),
      share: 0.5 * scale,
      perSecond: 500,
      hasZombie: scale >= 1,
      seed,
    }),
};

async function revocation(plan: RevocationPlan): Promise<Story> {
  const played = await playRevocations(plan, { seed: plan.seed });
  const { phases, verdict, felt, offences, zombie, retries } = played;
  const all = phases.flatMap(({ outcomes }) => outcomes);
  const late = all.reduce((sum, { seen }) => sum + seen.late, 0);
  const control = await withoutOrders(plan);
  return {
    happened:
      `${count(all.length)} revocations, ${count(retries)} calls were made again because Redis or a node did not answer; ` +
      `${count(felt.tally.heard)} deliveries.`,
    figures: {
      ...Object.fromEntries(
        phases.map((phase) => [`acknowledged by all, ${phase.name}`, latencyText(phase)]),
      ),
      'bytes behind the acknowledgement': `${count(offences.handed)} handed over, ${count(offences.waiting)} waiting`,
      'publications of later': count(late),
      'who tried again got': tally(answersOf(all)),
      ...(zombie ? { 'a node that was taken for gone': zombieText(zombie) } : {}),
      'negative control': `orders that are confirmed and not carried out: ${count(control)} publications of later`,
    },
    proofs: [
      { what: 'something was revoked', times: all.length },
      ...phases.slice(1).map(({ name, times }) => ({ what: name, times })),
      ...(zombie ? [{ what: 'a node was taken for gone', times: zombie.acknowledged }] : []),
    ],
    verdicts: [verdict],
    controls: [],
    misses: [
      ...phases.flatMap(missesOf),
      ...missesOfAll(played, late),
      ...(control > 0 ? [] : ['With orders that are not carried out nothing was found']),
    ],
  };
}

/** What was played under one disturbance, or under none. */
interface Phase {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
  /** How often it was disturbed, and how long at most. */
  readonly times: number;
  readonly lastsMs: number;
}

interface Played {
  readonly phases: readonly Phase[];
  readonly verdict: Verdict;
  /** What the members heard, of all phases and of the calm one. */
  readonly felt: MembersReport;
  readonly feltCalm: MembersReport;
  readonly offences: { readonly handed: number; readonly waiting: number };
  readonly zombie: Return | null;
  readonly retries: number;
}

async function playRevocations(plan: RevocationPlan, init: LabInit): Promise<Played> {
  const { users, perSecond, seed, hasZombie } = plan;
  const lab = await openLab(init);
  const members = new Child('members.ts', 'any');
  try {
    const random = seeded(seed);
    const server = new RevokingNodes(lab, random);
    await server.begin({ users, perSecond, seed });
    await members.ask('open', { users, lazyUsers: 0, urls: lab.urls });
    await lab.crowd({ make: 'raw', count: BYSTANDERS, tenantIds: ['bystanders'] });
    const to = [{ tenantId: 'bystanders', target: { kind: 'all' } as const }];
    await lab.load({ to, perSecond: 20 });
    const scene: Scene = { server, members, random };
    const phases: Phase[] = [await playPhase(scene, plan, 1)];
    const feltCalm = await members.ask<MembersReport>('report', {});
    for (const disturbance of disturbances) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      phases.push(await playPhase(scene, plan, 0.2, { lab, disturbance }));
    }
    const offences = await offencesOf(server);
    const zombie = hasZombie ? await returnOf(lab, scene) : null;
    const numbers = await server.finish();
    await sleep(ARRIVED_MS);
    const felt = await members.ask<MembersReport>('report', numbers);
    await members.kill();
    const { retries } = server;
    return { phases, verdict: await judge(lab), felt, feltCalm, offences, zombie, retries };
  } finally {
    await members.kill();
    await lab.close();
  }
}

async function openLab(init: LabInit): Promise<Lab> {
  return await Lab.open({
    nodes: 3,
    hasRemoteProxies: true,
    app: new URL('t35-revocation-app.ts', import.meta.url).href,
    limits: { publishesPerSecond: Infinity },
    ...init,
  });
}

/** All ways, as often as it is their share, under a disturbance if there is one. */
async function playPhase(
  scene: Scene,
  { users, share }: RevocationPlan,
  part: number,
  disturbed?: { readonly lab: Lab; readonly disturbance: Disturbance },
): Promise<Phase> {
  const outcomes = new Map<Way, Outcome[]>(ways.map((way) => [way, []]));
  const quick = ways.filter(({ isLazy }) => !isLazy);
  const deck = deckOf(quick, scene.random, share * part);
  const playing = Promise.all(
    TENANTS.map(async (tenant, at) => {
      const hand = deck.filter((_, n) => n % TENANTS.length === at);
      await playLane(scene, { tenant, users }, hand, outcomes);
    }),
  );
  const times = disturbed ? await disturb(disturbed.lab, disturbed.disturbance, playing) : 0;
  await playing;
  return {
    name: disturbed?.disturbance.name ?? 'calm',
    outcomes: [...outcomes.values()].flat(),
    times,
    lastsMs: disturbed?.disturbance.lastsMs ?? 0,
  };
}

/** Again and again, as long as it takes. */
async function disturb(
  lab: Lab,
  { run, pauseMs }: Disturbance,
  work: Promise<unknown>,
): Promise<number> {
  const done = work.then(
    () => true,
    () => true,
  );
  let times = 0;
  do {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await run(lab, times);
    times += 1;
  } while (!(await Promise.race([done, sleep(pauseMs, false)])));
  return times;
}

async function offencesOf(server: RevokingNodes): Promise<{ handed: number; waiting: number }> {
  const reports = await server.reports();
  const all = reports.flatMap(({ offences }) => Object.values(offences));
  return {
    handed: all.reduce((sum, { handed }) => sum + handed, 0),
    waiting: all.reduce((sum, { waiting }) => sum + waiting, 0),
  };
}

/** The other nodes say that they have done what they were told, and have not. */
async function withoutOrders({ seed }: RevocationPlan): Promise<number> {
  const plan = { users: 12, share: 0.05, perSecond: 500, hasZombie: false, seed };
  const lab = await openLab({ seed, fault: 'orders are confirmed and not carried out' });
  const members = new Child('members.ts', 'any');
  try {
    const server = new RevokingNodes(lab, seeded(seed));
    await server.begin({ users: plan.users, perSecond: plan.perSecond, seed });
    await members.ask('open', { users: plan.users, lazyUsers: 0, urls: lab.urls });
    const persons = TENANTS.map((tenant) => ({ tenant, user: 1 }));
    const scene: Scene = { server, members, random: seeded(seed) };
    const kind = 'joined room' as const;
    const [take] = ways;
    const outcomes = persons.map((person) => take?.run(scene, { label: 'control', person, kind }));
    const done = await Promise.all(outcomes);
    return done.reduce((sum, outcome) => sum + (outcome?.seen.late ?? 0), 0);
  } finally {
    await members.kill();
    await lab.close();
  }
}

function latenciesOf(outcomes: readonly Outcome[]): number[] {
  return outcomes.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b);
}

function latencyText({ outcomes }: Phase): string {
  const sorted = latenciesOf(outcomes);
  const [p50, p99] = [quantile(sorted, 0.5), quantile(sorted, 0.99)];
  return `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(sorted.at(-1) ?? 0)} (${count(sorted.length)} times)`;
}

function zombieText({ acknowledged, ackMs, oldBytes, late }: Return): string {
  return (
    `${count(acknowledged)} revocations were acknowledged without it after ${ms(ackMs)}; when it went on, it wrote ` +
    `${count(oldBytes)} B of before, and ${count(late)} publications of later`
  );
}

function answersOf(outcomes: readonly Outcome[]): Record<string, number> {
  const answers: Record<string, number> = {};
  for (const answer of outcomes.flatMap(({ got }) => got))
    answers[answer] = (answers[answer] ?? 0) + 1;
  return answers;
}

/** Has somebody got back what was taken? */
function isLetIn(answer: string): boolean {
  return answer === 'in' || answer.endsWith('recovered');
}

function missesOf({ name, outcomes, times, lastsMs }: Phase): string[] {
  const sorted = latenciesOf(outcomes);
  const p99 = quantile(sorted, 0.99);
  const longest = sorted.at(-1) ?? 0;
  const letIn = outcomes.flatMap(({ got }) => got).filter(isLetIn);
  const untold = outcomes.reduce((sum, { seen }) => sum + seen.untold, 0);
  return [
    ...(times === 0 && p99 > P99_MS ? [`${name}: p99 ${ms(p99)}`] : []),
    ...(longest > MOST_MS + lastsMs ? [`${name}: once ${ms(longest)}`] : []),
    ...(letIn.length > 0 ? [`${name}: ${letIn.length} got it back: ${letIn[0]}`] : []),
    ...(times === 0 && untold > 0 ? [`${name}: ${untold} tabs were not told`] : []),
  ];
}

function missesOfAll({ felt, feltCalm, offences, zombie }: Played, late: number): string[] {
  const { lost, repeated } = felt.tally;
  const { gaps, unexpected } = feltCalm.tally;
  const bytes = offences.handed + offences.waiting;
  return [
    ...(bytes > 0 ? [`${count(bytes)} bytes behind the acknowledgement`] : []),
    ...(late > 0 ? [`${late} publications of later`] : []),
    ...(zombie && zombie.late > 0 ? [`a node taken for gone wrote ${zombie.late} of later`] : []),
    ...(lost + repeated > 0 ? [`${lost} were lost without a word, ${repeated} came twice`] : []),
    ...(gaps > 0 ? [`${gaps} were told of a gap, in calm`] : []),
    ...(Object.keys(unexpected).length > 0 ? [`ended, not revoked: ${tally(unexpected)}`] : []),
    ...(felt.behind > 0 ? [`${felt.behind} times the last of a channel did not come`] : []),
  ];
}
