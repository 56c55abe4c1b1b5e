import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../../packages/server/test/seeded.ts';
import { comesTrue } from '../comes-true.ts';
import { count, ms, tally } from '../lab/report.ts';
import { castOf } from './cast.ts';
import type { Crowd } from './crowd.ts';
import type { Experiment, Story } from './experiment.ts';
import { Histogram } from './histogram.ts';
import { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { needlessGaps } from './needless-gaps.ts';
import type { PublishOrder } from './publisher.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface NodeKilledPlan {
  readonly clients: number;
  readonly kills: number;
  /** From one kill to the next. */
  readonly everyMs: number;
  /** Of the load, besides the broadcasts into which nodes are killed. */
  readonly perSecond: number;
  readonly presenceTtlMs: number;
  /** Clients, and kills, of the node on memory. */
  readonly onMemory: { readonly clients: number; readonly kills: number };
  readonly seed: number;
}

const TENANTS = ['acme', 'globex'];
const ROOMS = 20;
/** In a room of their own that says who is there. */
const PRESENT = 30;
const PRESENCE: PublishOrder = {
  tenantId: 'acme',
  target: { kind: 'room', room: 'live:presence' },
};
/** A client's own channel, its tenant's, and a room. */
const CHANNELS_EACH = 3;
/** Broadcasts that a node has begun when it is killed, and how late it may be killed in them. */
const BROADCASTS = 6;
const MANY_KILLS = 10;
const MOST_INTO_MS = 12;
const DOWN_MS = 1_000;
const BACK_MS = 35_000;
/** What naming, and a look every 250 ms, may add to `presenceTtlMs`. */
const GHOST_SLACK_MS = 2_000;

/** A node is gone from one moment to the next. */
export const t15: Experiment = {
  name: 'T15',
  title: 'A node is killed',
  broken:
    'every 10 s one of three nodes is killed (`kill -9`) in the middle of broadcasts to 3,000 clients, 30 ' +
    'times, and started again a second later; the same with one node whose engine is its memory',
  holds:
    'every client recovers on another node with everything, once and in order; who was present on the dead ' +
    'node is so for 60 s at most; with the memory engine every subscription has a gap signal',
  run: async ({ scale, seed }) =>
    await nodeKilled({
      clients: Math.round(3_000 * scale),
      kills: Math.ceil(30 * scale),
      everyMs: 10_000,
      perSecond: 40,
      presenceTtlMs: 60_000,
      onMemory: { clients: Math.round(300 * scale), kills: 3 },
      seed,
    }),
};

export async function nodeKilled(plan: NodeKilledPlan): Promise<Story> {
  const shared = await onRedis(plan);
  const alone = await onMemory(plan);
  const { clients } = shared.verdict;
  const { recoveries, recovered, gaps } = clients;
  const { unknown } = shared.verdict.published;
  const expectedGaps = plan.onMemory.clients * CHANNELS_EACH * plan.onMemory.kills;
  const told = alone.clients;
  return {
    happened:
      `${plan.kills} nodes were killed, with ${count(unknown)} calls under way; ${count(recovered)} subscriptions ` +
      `recovered elsewhere. On memory ${count(told.gaps)} of ${count(expectedGaps)} had a gap signal.`,
    figures: {
      'recovered, of those that came back': `${percent(recovered, recovered + gaps)} (${gaps} gap signals)`,
      '99 % of all clients in all channels again after': `p50 ${ms(shared.back.quantile(0.5))}, max ${ms(shared.back.maxMs)}`,
      'each client back after': `p50 ${ms(recoveries.quantile(0.5))}, p99 ${ms(recoveries.quantile(0.99))}, max ${ms(recoveries.maxMs)}`,
      'ghosts in presence': `${PRESENT}, until ${ms(shared.ghostsMs)} after the kill`,
      'the clients were told': tally(clients.outcomes),
      'on memory': `${count(told.recovered)} recovered, ${count(told.gaps)} gap signals`,
    },
    proofs: [
      // Of a few kills not every one comes in the middle of a call.
      ...(plan.kills >= MANY_KILLS
        ? [{ what: 'a call was under way when its node was killed', times: unknown }]
        : []),
      { what: 'a subscription recovered', times: recovered },
      { what: 'a client that was present died with its node', times: shared.ghosts },
      { what: 'a subscription had a gap signal on memory', times: told.gaps },
    ],
    verdicts: [shared.verdict, alone],
    controls: [],
    misses: [
      ...needlessGaps(shared.verdict),
      ...(told.gaps === expectedGaps && told.recovered === 0
        ? []
        : [`On memory: ${told.recovered} recovered, ${told.gaps} of ${expectedGaps} gap signals`]),
    ],
    late:
      shared.ghostsMs <= plan.presenceTtlMs + GHOST_SLACK_MS
        ? []
        : [`Who died was present for ${ms(shared.ghostsMs)}`],
  };
}

interface Shared {
  readonly verdict: Verdict;
  /** After each kill, until 99 % were back. */
  readonly back: Histogram;
  readonly ghosts: number;
  /** After the kill of their node, until the last of those who had been present was not any more. */
  readonly ghostsMs: number;
}

async function onRedis(plan: NodeKilledPlan): Promise<Shared> {
  const { clients, kills, everyMs, perSecond, presenceTtlMs, seed } = plan;
  const limits = { presenceTtlMs, presenceIntervalMs: presenceTtlMs * 0.4 };
  const trustedProxies = ['loopback'];
  const lab = await Lab.open({ seed, nodes: 3, limits, trustedProxies, hasRemoteProxies: true });
  try {
    const { to, ...cast } = castOf(TENANTS, ROOMS);
    // All from one address, they would be too many newcomers for it (429).
    const own = { make: 'raw', isBehindProxy: true } as const;
    const crowd = await lab.crowd({ count: clients, ...own, ...cast });
    await bringPresent(lab);
    await lab.load({ to, perSecond });
    const random = seeded(seed);
    const back = new Histogram();
    const ghosts = new Ghosts(lab);
    await ghosts.meet();
    for (let n = 0; n < kills; n += 1) {
      const begin = performance.now();
      const node = lab.nodes[n % lab.nodes.length];
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      if (node) await killIn(node, MOST_INTO_MS * random());
      if (n === 0) ghosts.died(presenceTtlMs);
      // oxlint-disable-next-line no-await-in-loop -- see above
      back.add(await untilBack(crowd));
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(Math.max(0, DOWN_MS + begin - performance.now()));
      // oxlint-disable-next-line no-await-in-loop -- see above
      await node?.process.restart();
      // oxlint-disable-next-line no-await-in-loop -- see above
      await node?.process.load({ to, perSecond: perSecond / lab.nodes.length });
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(Math.max(0, everyMs + begin - performance.now()));
    }
    const ghostsMs = await ghosts.gone();
    return { verdict: await judge(lab), back, ghosts: ghosts.count, ghostsMs };
  } finally {
    await lab.close();
  }
}

/** Some clients who are all on the node that dies first, and then on the others. */
async function bringPresent(lab: Lab): Promise<void> {
  const [first = '', ...others] = lab.urls;
  const rooms = [['live:presence']];
  const present = { make: 'raw', count: PRESENT, tenantIds: ['acme'], rooms } as const;
  const crowd = await lab.crowd({ ...present, urls: [first] });
  await crowd.move(others);
}

async function killIn({ process }: LabNode, intoMs: number): Promise<void> {
  const broadcasts = Array.from({ length: BROADCASTS }, (_, n): PublishOrder => {
    return { tenantId: TENANTS[n % TENANTS.length] ?? '', target: { kind: 'all' }, bytes: 100 };
  });
  // It does not live to answer.
  process.publishAll(broadcasts).catch(() => {});
  await sleep(intoMs);
  await process.kill9();
}

/** How long it takes until 99 % are in all their channels, once somebody has noticed. */
async function untilBack(crowd: Crowd): Promise<number> {
  const begin = performance.now();
  await comesTrue(BACK_MS, async () => (await crowd.there()) < crowd.size, 10);
  await comesTrue(BACK_MS, async () => (await crowd.there()) >= 0.99 * crowd.size, 20);
  return performance.now() - begin;
}

/** Those who are present on the node that dies first. */
class Ghosts {
  readonly #lab: Lab;
  #ids = new Set<string>();
  #diedAt = 0;
  #goneMs = Infinity;
  #watching: Promise<boolean> | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  get count(): number {
    return this.#ids.size;
  }

  async meet(): Promise<void> {
    this.#ids = new Set(await this.#present());
  }

  /** They are ghosts from now on: begins to look when the last of them has gone. */
  died(ttlMs: number): void {
    this.#diedAt = performance.now();
    const mostMs = ttlMs + 2 * GHOST_SLACK_MS;
    this.#watching = comesTrue(mostMs, async () => !(await this.#anyIsLeft()), 250);
  }

  /** After how many milliseconds it had. */
  async gone(): Promise<number> {
    await this.#watching;
    return this.#goneMs;
  }

  async #anyIsLeft(): Promise<boolean> {
    const isLeft = (await this.#present()).some((id) => this.#ids.has(id));
    if (!isLeft) this.#goneMs = performance.now() - this.#diedAt;
    return isLeft;
  }

  /** Asks any node that lives. */
  async #present(): Promise<string[]> {
    for (const { process } of this.#lab.nodes.filter((node) => node.process.isRunning)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next one is asked if this one has died
        return (await process.presence(PRESENCE)).map(({ client }) => client);
      } catch {
        continue;
      }
    }
    return [...this.#ids];
  }
}

/** One node that has nothing but its memory. */
async function onMemory({ onMemory: plan, everyMs, seed }: NodeKilledPlan): Promise<Verdict> {
  const lab = await Lab.open({ seed, engine: 'memory' });
  try {
    const { to, ...cast } = castOf(TENANTS, 5);
    const crowd = await lab.crowd({ make: 'raw', count: plan.clients, ...cast });
    const [node] = lab.nodes;
    if (!node) throw new Error('There is one node');
    for (let n = 1; n <= plan.kills; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await node.process.load({ to, perSecond: 50 });
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(Math.min(1_000, everyMs));
      // oxlint-disable-next-line no-await-in-loop -- see above
      await node.process.kill9();
      // oxlint-disable-next-line no-await-in-loop -- see above
      await node.process.restart();
      // oxlint-disable-next-line no-await-in-loop -- see above
      await comesTrue(BACK_MS, async () => {
        const { gaps, recovered } = await crowd.totals();
        return gaps + recovered >= n * CHANNELS_EACH * plan.clients;
      });
    }
    return await judge(lab);
  } finally {
    await lab.close();
  }
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`;
}
