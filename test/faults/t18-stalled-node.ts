import { setTimeout as sleep } from 'node:timers/promises';
import { comesTrue } from '../comes-true.ts';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd, CrowdTotals } from './crowd.ts';
import { readyStatus } from './departure.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { needlessGaps } from './needless-gaps.ts';
import type { PublishOrder } from './publisher.ts';
import { judge } from './verdict.ts';

/** How it is played. */
interface StalledNodePlan {
  readonly clients: number;
  readonly perSecond: number;
  /** For how long one node's event loop stands still, each time. */
  readonly stallsMs: readonly number[];
  /** For how long two nodes are frozen: no client gives up yet. */
  readonly frozenMs: number;
  /** For how long one is frozen, whose clients do give up. */
  readonly zombieMs: number;
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  readonly seed: number;
}

/** Of each of many: more than an event loop may lag. */
const STALL_MS = 700;
const PATIENCE_MS = 15_000;
/** P15: a node is overloaded that has lagged for 5 s; it is seen to within a stall or two. */
const MOST_UNTIL_503_MS = 8_000;
const MOST_UNTIL_200_MS = 5_000;
/** So late a publication may be after a stall. */
const MOST_LATE_MS = 3_000;
/** In a room that says who is there, all on the node that becomes a zombie. */
const PRESENT = 10;
const CHANNELS_EACH = 3;
const BACK_MS = 35_000;
/** By then a zombie has noticed that it has no clients any more, and that other nodes live. */
const AWAKE_MS = 10_000;
const PRESENCE: PublishOrder = { tenantId: 'acme', target: { kind: 'room', room: 'live:all' } };

/** Nodes that stand still, and go on as if nothing had been. */
export const t18: Experiment = {
  name: 'T18',
  title: 'A node that stands still',
  broken:
    'of three nodes with 300 clients one’s event loop is blocked for 700 ms again and again, then for 2 s and ' +
    'for 10 s; two are frozen (SIGSTOP) for 20 s, the second loses its subscriptions meanwhile; one is frozen ' +
    'for 45 s, so that its clients are long elsewhere when it wakes up as a zombie; 90 publications a second',
  holds:
    'short stalls cost nobody the connection, and what was missed is delivered in order; lasting lag flips ' +
    '`/readyz` to 503 and back; the zombie tells nobody anything stale, nothing comes twice',
  run: async ({ scale, seed }) =>
    await stalledNode({
      clients: Math.max(30, Math.round(300 * scale)),
      perSecond: 90,
      ...(scale < 1
        ? { stallsMs: [1_000, 3_000], frozenMs: 5_000, zombieMs: 14_000 }
        : { stallsMs: [2_000, 10_000], frozenMs: 20_000, zombieMs: 45_000 }),
      pingIntervalMs: scale < 1 ? 2_000 : 25_000,
      pongTimeoutMs: scale < 1 ? 1_500 : 8_000,
      seed,
    }),
};

async function stalledNode(plan: StalledNodePlan): Promise<Story> {
  const { clients, perSecond, pingIntervalMs, pongTimeoutMs, seed } = plan;
  const limits = { pingIntervalMs, pongTimeoutMs };
  const lab = await Lab.open({ seed, nodes: 3, limits, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(['acme', 'globex'], 5);
    const crowd = await lab.crowd({ make: 'raw', count: clients, ...cast });
    const present = await bringPresent(lab);
    await lab.load({ to, perSecond });
    await sleep(1_000);
    const [first, second, third] = lab.nodes;
    if (!first || !second || !third) throw new Error('There are three nodes');
    const lag = await lagOn(first);
    const stalls = await stall(first, crowd, plan.stallsMs);
    const thawed = await freezeTwo({ lab, second, third, crowd, forMs: plan.frozenMs });
    const quiet = await lab.crowds[0]?.totals();
    const zombie = await makeZombie({ lab, first, present, forMs: plan.zombieMs });
    const verdict = await judge(lab);
    const { recovered, gaps } = verdict.clients;
    const late = [...stalls, thawed];
    return {
      happened:
        `${count(thawed.repaired)} publications were lost on their way to a frozen node, and delivered when it woke up; ` +
        `${count(zombie.left)} clients had left the zombie, and recovered.`,
      figures: {
        'lag of 700 ms again and again': `503 after ${ms(lag.overloadedMs)}, 200 again after ${ms(lag.readyMs)}`,
        ...Object.fromEntries(
          late.map(({ what, status, slowestMs }) => [
            what,
            `\`/readyz\` silent, then ${status}; slowest delivery ${ms(slowestMs)}`,
          ]),
        ),
        'reconnects until then': count(lossesOf(quiet)),
        'pings that were not answered': count(thawed.unanswered),
        'frozen until its clients left': `${count(zombie.left)} left; no connection after ${ms(zombie.emptyMs)}, ${zombie.present} present after ${ms(zombie.presenceMs)}, ${zombie.nodes} nodes known`,
        'gap signals': count(gaps),
      },
      proofs: [
        { what: 'a node said 503 because it lagged', times: lag.overloadedMs < Infinity ? 1 : 0 },
        {
          what: 'a node that stood still did not answer',
          times: late.filter(({ wasSilent }) => wasSilent).length,
        },
        { what: 'a publication was lost on its way to a frozen node', times: thawed.repaired },
        { what: 'a client left the frozen node', times: zombie.left },
        { what: 'a subscription recovered', times: recovered },
      ],
      verdicts: [verdict],
      controls: [],
      misses: [
        ...lagMisses(lag),
        ...late.flatMap(standstillMisses),
        ...(lossesOf(quiet) > 0
          ? [`Stalls cost connections: ${tally(quiet?.outcomes ?? {})}`]
          : []),
        ...(thawed.unanswered > 0 ? [`${thawed.unanswered} pings were not answered`] : []),
        ...zombieMisses(zombie),
        ...needlessGaps(verdict),
      ],
    };
  } finally {
    await lab.close();
  }
}

/** They are all on the first node, and go to the others when they leave it. */
async function bringPresent(lab: Lab): Promise<Crowd> {
  const [first = '', ...others] = lab.urls;
  const rooms = [['live:all']];
  const own = { make: 'raw', count: PRESENT, tenantIds: ['acme'], rooms } as const;
  const present = await lab.crowd({ ...own, urls: [first] });
  await present.move(others);
  return present;
}

interface Lag {
  readonly overloadedMs: number;
  readonly readyMs: number;
}

/** Blocks a node again and again until it says that it is overloaded; and lets it be. */
async function lagOn({ process }: LabNode): Promise<Lag> {
  const begin = performance.now();
  const isOverloaded = await comesTrue(
    PATIENCE_MS,
    async () => {
      await process.block(STALL_MS);
      return (await readyStatus(process.port)) === 503;
    },
    20,
  );
  const overloadedMs = isOverloaded ? performance.now() - begin : Infinity;
  const then = performance.now();
  const isReady = await comesTrue(
    PATIENCE_MS,
    async () => (await readyStatus(process.port)) === 200,
  );
  return { overloadedMs, readyMs: isReady ? performance.now() - then : Infinity };
}

function lagMisses({ overloadedMs, readyMs }: Lag): string[] {
  return [
    ...(overloadedMs <= MOST_UNTIL_503_MS ? [] : [`503 only after ${ms(overloadedMs)} of lag`]),
    ...(readyMs <= MOST_UNTIL_200_MS ? [] : [`200 again only after ${ms(readyMs)}`]),
  ];
}

/** What came of a time without any work. */
interface Standstill {
  readonly what: string;
  readonly forMs: number;
  readonly wasSilent: boolean;
  /** What `/readyz` said afterwards. */
  readonly status: number | null;
  readonly slowestMs: number;
}

async function stall(
  { process }: LabNode,
  crowd: Crowd,
  stallsMs: readonly number[],
): Promise<Standstill[]> {
  const stalls: Standstill[] = [];
  for (const forMs of stallsMs) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await crowd.look();
    const blocking = process.block(forMs);
    // oxlint-disable-next-line no-await-in-loop -- see above
    const wasSilent = (await readyStatus(process.port, forMs / 2)) === null;
    // oxlint-disable-next-line no-await-in-loop -- see above
    await blocking;
    // oxlint-disable-next-line no-await-in-loop -- see above
    const status = await readyStatus(process.port);
    // oxlint-disable-next-line no-await-in-loop -- what was late has to come first
    await sleep(MOST_LATE_MS);
    // oxlint-disable-next-line no-await-in-loop -- see above
    const { latencies } = await crowd.look();
    const what = `blocked for ${ms(forMs)}`;
    stalls.push({ what, forMs, wasSilent, status, slowestMs: latencies.maxMs });
  }
  return stalls;
}

function standstillMisses({ what, forMs, status, slowestMs }: Standstill): string[] {
  return [
    ...(status === 200 ? [] : [`${what}, a node then said ${status}`]),
    ...(slowestMs <= forMs + MOST_LATE_MS ? [] : [`${what}, it delivered after ${ms(slowestMs)}`]),
  ];
}

interface Thawed extends Standstill {
  readonly repaired: number;
  /** Connections that were ended because their pong did not come. */
  readonly unanswered: number;
}

/** Freezes two nodes, cuts the second one's subscriptions meanwhile, and thaws both. */
async function freezeTwo(scene: {
  lab: Lab;
  second: LabNode;
  third: LabNode;
  crowd: Crowd;
  forMs: number;
}): Promise<Thawed> {
  const { lab, second, third, crowd, forMs } = scene;
  await crowd.look();
  for (const { process } of [second, third]) process.freeze();
  const wasSilent = (await readyStatus(third.process.port)) === null;
  await third.subscriptions.rst();
  await sleep(forMs);
  for (const { process } of [second, third]) process.thaw();
  const status = await readyStatus(third.process.port, MOST_LATE_MS);
  await sleep(MOST_LATE_MS);
  const { latencies } = await crowd.look();
  const reports = await Promise.all(lab.nodes.map(({ process }) => process.report()));
  return {
    ...{ what: `frozen for ${ms(forMs)}`, forMs, wasSilent, status, slowestMs: latencies.maxMs },
    repaired: reports.reduce((sum, { stats }) => sum + stats.counts.repaired, 0),
    unanswered: reports.reduce((sum, { stats }) => sum + (stats.disconnects['3012'] ?? 0), 0),
  };
}

/** What a node was like that woke up without its clients. */
interface Zombie {
  /** Clients that had left it. */
  readonly left: number;
  /** After how long it knew. */
  readonly emptyMs: number;
  /** Who was present then, and after how long they were the right ones. */
  readonly present: number;
  readonly presenceMs: number;
  readonly nodes: number;
}

/** Freezes a node until its clients have gone, and wakes it up. */
async function makeZombie(scene: {
  lab: Lab;
  first: LabNode;
  present: Crowd;
  forMs: number;
}): Promise<Zombie> {
  const { lab, first, present, forMs } = scene;
  const { connections: had } = (await first.process.report()).stats;
  // Those who are elsewhere do not come here while nothing answers.
  const others = lab.nodes.filter((node) => node !== first).map(({ url }) => url);
  const crowds = lab.crowds.filter((each): each is Crowd => 'move' in each);
  await Promise.all(crowds.map((crowd) => crowd.move(others)));
  first.process.freeze();
  await sleep(forMs);
  await comesTrue(
    BACK_MS,
    async () => (await present.totals()).recovered >= PRESENT * CHANNELS_EACH,
  );
  const begin = performance.now();
  first.process.thaw();
  let { connections, nodes } = (await first.process.report()).stats;
  await comesTrue(AWAKE_MS, async () => {
    ({ connections, nodes } = (await first.process.report()).stats);
    return connections === 0;
  });
  const emptyMs = performance.now() - begin;
  let names: readonly unknown[] = [];
  await comesTrue(AWAKE_MS, async () => {
    names = await first.process.presence(PRESENCE);
    ({ nodes } = (await first.process.report()).stats);
    return names.length === PRESENT && nodes === lab.nodes.length;
  });
  const presenceMs = performance.now() - begin;
  return { left: had - connections, emptyMs, present: names.length, presenceMs, nodes };
}

function zombieMisses({ emptyMs, present, presenceMs, nodes }: Zombie): string[] {
  return [
    ...(emptyMs <= AWAKE_MS ? [] : [`The zombie kept connections for ${ms(emptyMs)}`]),
    ...(present === PRESENT && presenceMs <= 2 * AWAKE_MS
      ? []
      : [`${present} were present, not ${PRESENT}, after ${ms(presenceMs)}`]),
    ...(nodes === 3 ? [] : [`The zombie knows ${nodes} nodes, not 3`]),
  ];
}

function lossesOf(totals: Pick<CrowdTotals, 'outcomes'> | undefined): number {
  return Object.values(totals?.outcomes ?? {}).reduce((sum, times) => sum + times, 0);
}
