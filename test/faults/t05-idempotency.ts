import { setTimeout as sleep } from 'node:timers/promises';
import { channelKey } from '@trunkline/contract';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { count, ms } from '../lab/report.ts';
import type { Control, Experiment, Story } from './experiment.ts';
import { Lab, type LabInit } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import { channelOf } from './person.ts';
import type { PublishOrder, PublishOutcome } from './publisher.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface IdempotencyPlan {
  /** Keys that two nodes use at the same time, in each tenant and each kind of room. */
  readonly keys: number;
  /** Keys of publications of which nobody knows what became of them; for each way of losing the answer. */
  readonly keysInDoubt: number;
  readonly seed: number;
}

const TENANTS = ['acme', 'globex'];
/** One keeps a history, the other does not. */
const ROOMS = ['room:0', 'fleeting:0'];
const AT_ONCE = 50;
/** By then every publish that has no answer is given up. */
const GIVEN_UP_MS = 2_500;

/** The same key again, from two nodes, after a timeout, and in two tenants. */
export const t05: Experiment = {
  name: 'T5',
  title: 'The same idempotency key, twice',
  broken:
    'two nodes publish with the same key at the same time, 1,000 keys in a room with history and one without, in ' +
    'two tenants that use the same keys; then publishes lose their answer, or are held on their way to Redis ' +
    'until they were repeated on the other node, or with their node (`kill -9`), and are made again',
  holds:
    'one publication and one position for each tenant, channel and key; no client gets one twice',
  run: async ({ scale, seed }) =>
    await idempotency({
      keys: Math.round(1_000 * scale),
      keysInDoubt: Math.round(200 * scale),
      seed,
    }),
};

async function idempotency(plan: IdempotencyPlan): Promise<Story> {
  const played = await playKeys(plan, { seed: plan.seed });
  const { verdict, wrong, doubts, racedMs } = played;
  const sent = verdict.ledgers.published.filter(({ isRepeat }) => isRepeat);
  const keys = new Set(sent.map(({ channel, id }) => `${channel} ${id}`)).size;
  return {
    happened:
      `${count(sent.length)} calls with ${count(keys)} keys made ${count(keys)} publications; ${count(doubts.unanswered)} calls ` +
      `had no answer, and ${count(doubts.held)} of them came to Redis behind their repetition.`,
    figures: {
      duplicates: count(wrong.length),
      'keys, each on two nodes at once': count(plan.keys * TENANTS.length * ROOMS.length),
      'both answered within': `p99 ${ms(racedMs)}`,
    },
    proofs: [
      { what: 'a publish had no answer', times: doubts.unanswered },
      { what: 'a publish came to Redis behind its repetition', times: doubts.held },
      { what: 'a node was killed with publishes on their way', times: doubts.killed },
    ],
    verdicts: [verdict],
    controls: [await withoutKeys(plan)],
    misses: wrong.slice(0, 5),
  };
}

/** What became of the calls that were left in doubt. */
interface Doubts {
  unanswered: number;
  held: number;
  killed: number;
}

interface Played {
  readonly verdict: Verdict;
  /** Keys that have made more than one publication, or none. */
  readonly wrong: readonly string[];
  readonly doubts: Doubts;
  readonly racedMs: number;
}

async function playKeys({ keys, keysInDoubt }: IdempotencyPlan, init: LabInit): Promise<Played> {
  const lab = await Lab.open({ limits: { publishesPerSecond: Infinity }, ...init });
  try {
    await lab.crowd({ make: 'raw', count: 8, tenantIds: TENANTS, rooms: [ROOMS] });
    const racedMs = await race(lab, keys);
    const doubts: Doubts = { unanswered: 0, held: 0, killed: 0 };
    await loseAnswers(lab, keysInDoubt, doubts);
    await holdOnTheirWay(lab, keysInDoubt, doubts);
    await killWithThem(lab, keysInDoubt, doubts);
    const tops = await topsOf(lab);
    const verdict = await judge(lab);
    return { verdict, wrong: wrongIn(verdict.ledgers.published, tops), doubts, racedMs };
  } finally {
    await lab.close();
  }
}

/** Orders with these keys, to each room of each tenant. What is the same key's has the same id. */
function ordersOf(name: string, from: number, keys: number): PublishOrder[] {
  const numbers = Array.from({ length: keys }, (_, n) => from + n);
  return numbers.flatMap((n) =>
    TENANTS.flatMap((tenantId) =>
      ROOMS.map((room) => ({
        tenantId,
        target: { kind: 'room', room } as const,
        id: `${name} ${n} ${tenantId} ${room}`,
        idempotencyKey: `${name} ${n}`,
      })),
    ),
  );
}

/** Both nodes publish the same at the same time. Gives what 99 % of the answers took. */
async function race({ nodes }: Lab, keys: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < keys; n += AT_ONCE) {
    const orders = ordersOf('race', n, Math.min(AT_ONCE, keys - n));
    // oxlint-disable-next-line no-await-in-loop -- never more than some at once
    const outcomes = await Promise.all(nodes.map(({ process }) => process.publishAll(orders)));
    times.push(...outcomes.flat().map((outcome) => outcome.ms));
  }
  return times.toSorted((a, b) => a - b)[Math.floor(0.99 * times.length)] ?? 0;
}

/** Redis has it, and its answer does not come; it is made again here and there. */
async function loseAnswers({ nodes: [first, second] }: Lab, keys: number, doubts: Doubts) {
  if (!first || !second) return;
  const orders = ordersOf('unanswered', 0, keys);
  await first.commands.blackhole('s2c');
  doubts.unanswered += unknownIn(await first.process.publishAll(orders));
  await again(second, orders);
  await first.commands.pass();
  await again(first, orders);
}

/** It does not come to Redis before it was made again on the other node. */
async function holdOnTheirWay({ nodes: [first, second] }: Lab, keys: number, doubts: Doubts) {
  if (!first || !second) return;
  const orders = ordersOf('held', 0, keys);
  const before = await first.commands.counts();
  await first.commands.blackhole('c2s');
  const unanswered = unknownIn(await first.process.publishAll(orders));
  await again(second, orders);
  await first.commands.pass();
  await again(first, orders);
  const after = await first.commands.counts();
  doubts.unanswered += unanswered;
  // On the same connection everything that was held has come before what was asked later.
  if (after.accepted === before.accepted) doubts.held += unanswered;
}

/** Its node is gone before it knows; it is made again on the other one, and on the next life of the first. */
async function killWithThem({ nodes: [first, second] }: Lab, keys: number, doubts: Doubts) {
  if (!first || !second) return;
  const orders = ordersOf('killed', 0, keys);
  await first.commands.delay(200);
  const publishing = first.process.publishAll(orders).catch(() => null);
  await sleep(100);
  await first.process.kill9();
  if ((await publishing) === null) doubts.killed += 1;
  await first.commands.pass();
  await again(second, orders);
  await first.process.restart();
  await again(first, orders);
}

/** Until each of them was accepted. */
async function again({ process }: LabNode, orders: readonly PublishOrder[]): Promise<void> {
  let open = orders;
  while (open.length > 0) {
    // oxlint-disable-next-line no-await-in-loop -- what was not accepted once more
    const outcomes = await process.publishAll(open);
    open = open.filter((_, index) => outcomes[index]?.status !== 'accepted');
    // oxlint-disable-next-line no-await-in-loop -- see above
    if (open.length > 0) await sleep(GIVEN_UP_MS / 10);
  }
}

function unknownIn(outcomes: readonly PublishOutcome[]): number {
  return outcomes.filter(({ status }) => status === 'unknown').length;
}

/** Where each channel with history stands, by its key. */
async function topsOf({ nodes: [node] }: Lab): Promise<ReadonlyMap<string, number>> {
  const target = { kind: 'room', room: ROOMS[0] ?? '' } as const;
  const tops = TENANTS.map(async (tenantId) => {
    const history = await node?.process.history({ tenantId, target }, null);
    return [channelKey(channelOf(tenantId, target)), history?.top.offset ?? 0] as const;
  });
  return new Map(await Promise.all(tops));
}

/** Keys with more than one position, and channels with more publications than keys, or fewer. */
function wrongIn(published: readonly Published[], tops: ReadonlyMap<string, number>): string[] {
  const keyed = published.filter(({ isRepeat }) => isRepeat);
  const channels = Map.groupBy(keyed, ({ channel }) => channel);
  return [...channels].flatMap(([channel, calls]) => {
    const ids = Map.groupBy(calls, ({ id }) => id);
    const top = tops.get(channel) ?? ids.size;
    return [
      ...[...ids].flatMap(([id, same]) => twiceStored(id, same)),
      ...(top === ids.size ? [] : [`${channel} has ${top} publications of ${ids.size} keys`]),
    ];
  });
}

function twiceStored(id: string, calls: readonly Published[]): string[] {
  const accepted = calls.filter(({ outcome }) => outcome === 'accepted');
  const places = new Set(accepted.map(({ position }) => `${position?.epoch}/${position?.offset}`));
  return places.size === 1 ? [] : [`${id} has ${places.size} positions: ${[...places].join(', ')}`];
}

/** Redis is not asked whether it knows the key. */
async function withoutKeys({ seed }: IdempotencyPlan): Promise<Control> {
  const plan = { keys: 5, keysInDoubt: 5, seed };
  const { verdict } = await playKeys(plan, { seed, fault: 'idempotency keys are forgotten' });
  return { off: 'the idempotency keys', expected: 'I4', violations: verdict.violations };
}
