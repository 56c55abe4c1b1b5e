import { setTimeout as sleep } from 'node:timers/promises';
import { count, ms } from '../lab/report.ts';
import type { Experiment, Story } from './experiment.ts';
import { Lab } from './lab.ts';
import type { LabNode } from './lab-node.ts';
import type { PublishOrder, PublishOutcome } from './publisher.ts';
import { retriesOutOfTurn } from './retries.ts';
import { judge, type Verdict } from './verdict.ts';

/** How it is played. */
interface OrderPlan {
  readonly publications: number;
  readonly subscribers: number;
  readonly publishersPerNode: number;
  /** So often the nodes' commands are cut, or Redis forgets its scripts. */
  readonly breakEveryMs: number;
  readonly seed: number;
}

/** What each publisher calls before it waits for anything. */
const AT_ONCE = 4;
/** So long who was refused waits. */
const RETRY_MS = 20;
/** So far, in publications, the subscribers may be behind before the publishers wait for them. */
const MOST_BEHIND = 1_000;
const LOOK_MS = 100;
const MIB = 1024 * 1024;
const to = { tenantId: 'acme', target: { kind: 'room', room: 'room:0' } } as const;

/** Many publish to one channel at a time, and are told now and then that it has failed. */
export const t03: Experiment = {
  name: 'T3',
  title: 'Who called first comes first',
  broken:
    '8 publishers on each of three nodes publish 50,000 events to one channel and wait for none; the ' +
    'connections for commands are reset, or Redis forgets its scripts, about every second, so that ' +
    'some percent of the calls fail, and are made again with the same idempotency key',
  holds:
    'the calls of each node get offsets in their order, and a repeated one comes where it was first stored or ' +
    'where it was repeated; all 200 subscribers see that order',
  run: async ({ scale, seed }) =>
    await callOrder({
      publications: Math.round(50_000 * scale),
      subscribers: Math.max(30, Math.round(200 * scale)),
      publishersPerNode: 8,
      breakEveryMs: scale < 1 ? 300 : 3_000,
      seed,
    }),
};

async function callOrder(plan: OrderPlan): Promise<Story> {
  const lab = await openLab(plan.seed);
  try {
    const crowd = { make: 'raw', tenantIds: ['acme'], rooms: [['room:0']] } as const;
    await lab.crowd({ ...crowd, count: plan.subscribers });
    const begin = performance.now();
    const publishing = publishAll(lab, plan, new Brake(lab, plan.subscribers));
    const breaks = await breakUntil(publishing, lab, plan.breakEveryMs);
    const counts = await publishing;
    const seconds = (performance.now() - begin) / 1_000;
    const verdict = await judge(lab);
    const outOfTurn = retriesOutOfTurn(verdict.ledgers.published);
    return {
      happened:
        `${count(counts.failed)} of ${count(counts.calls)} calls failed (${count(counts.unknown)} of them without an ` +
        `answer) and were made again; ${count(verdict.clients.deliveries)} deliveries were in the order of the calls.`,
      figures: {
        'events a second': count(plan.publications / seconds),
        inversions: count(inversions(verdict) + outOfTurn.length),
        'calls that failed': `${((100 * counts.failed) / counts.calls).toFixed(1)} %`,
        'delivered after': `p50 ${ms(verdict.clients.latencies.quantile(0.5))}, p99 ${ms(verdict.clients.latencies.quantile(0.99))}`,
      },
      proofs: [
        { what: 'the connections for commands were reset', times: breaks.resets },
        { what: 'Redis forgot its scripts', times: breaks.flushes },
        { what: 'a call failed and was made again', times: counts.failed },
        { what: 'a call had no answer and was made again', times: counts.unknown },
      ],
      verdicts: [verdict],
      controls: [],
      misses: outOfTurn,
    };
  } finally {
    await lab.close();
  }
}

/** One channel has to bear everything, and nobody is to be sent away for it. */
async function openLab(seed: number): Promise<Lab> {
  return await Lab.open({
    seed,
    nodes: 3,
    hasRemoteProxies: true,
    limits: {
      publishesPerSecond: Infinity,
      fanOutBytesPerSecond: Infinity,
      maxQueuedBytes: 16 * MIB,
      maxQueuedLines: 100_000,
    },
  });
}

/** How the calls have ended. */
interface CallCounts {
  calls: number;
  failed: number;
  unknown: number;
}

async function publishAll(
  lab: Lab,
  { publications, publishersPerNode }: OrderPlan,
  brake: Brake,
): Promise<CallCounts> {
  const counts: CallCounts = { calls: 0, failed: 0, unknown: 0 };
  const each = Math.ceil(publications / (lab.nodes.length * publishersPerNode));
  const publishers = lab.nodes.flatMap((node) =>
    Array.from({ length: publishersPerNode }, async (_, n) => {
      await publishOn(node, { name: `p${n}`, publications: each, counts, brake });
    }),
  );
  await Promise.all([brake.watch(), Promise.all(publishers).finally(() => brake.release())]);
  return counts;
}

/** Holds the publishers up while the subscribers cannot keep pace: what they miss would prove nothing. */
class Brake {
  readonly #lab: Lab;
  readonly #subscribers: number;
  #accepted = 0;
  /** So many each of the subscribers had when they were last asked. */
  #delivered = 0;
  #isReleased = false;

  constructor(lab: Lab, subscribers: number) {
    this.#lab = lab;
    this.#subscribers = subscribers;
  }

  /** Asks again and again until it is released. */
  async watch(): Promise<void> {
    const [crowd] = this.#lab.crowds;
    while (!this.#isReleased) {
      const accepted = this.#accepted;
      // oxlint-disable-next-line no-await-in-loop -- again and again
      const totals = await crowd?.totals();
      const delivered = (totals?.deliveries ?? 0) / this.#subscribers;
      // Who is told of a gap never gets all of it.
      this.#delivered = delivered > this.#delivered ? delivered : accepted;
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(LOOK_MS);
    }
  }

  release(): void {
    this.#isReleased = true;
  }

  /** So many more were accepted; resolves when the subscribers have most of them. */
  async passed(accepted: number): Promise<void> {
    this.#accepted += accepted;
    // oxlint-disable-next-line no-await-in-loop -- until they have caught up
    while (this.#accepted - this.#delivered > MOST_BEHIND) await sleep(LOOK_MS / 10);
  }
}

interface Part {
  readonly name: string;
  readonly publications: number;
  readonly counts: CallCounts;
  readonly brake: Brake;
}

/** One publisher: some at once, what has failed again together with the next, until all are accepted. */
async function publishOn(
  { process }: LabNode,
  { name, publications, counts, brake }: Part,
): Promise<void> {
  let again: PublishOrder[] = [];
  for (let n = 0; n < publications || again.length > 0; ) {
    const fresh = Math.min(AT_ONCE - again.length, publications - n);
    const orders = [
      ...again,
      ...Array.from({ length: fresh }, (_, i) => orderOf(`${process.name} ${name} ${n + i}`)),
    ];
    n += fresh;
    // oxlint-disable-next-line no-await-in-loop -- what has failed comes with the next
    const outcomes = await process.publishAll(orders);
    again = orders.flatMap((order, index) => repeated(order, outcomes[index]));
    note(counts, outcomes);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await brake.passed(outcomes.length - again.length);
    // oxlint-disable-next-line no-await-in-loop -- see above
    if (again.length > 0) await sleep(RETRY_MS);
  }
}

function orderOf(idempotencyKey: string): PublishOrder {
  return { ...to, idempotencyKey };
}

function repeated(order: PublishOrder, outcome: PublishOutcome | undefined): PublishOrder[] {
  return outcome && outcome.status !== 'accepted' ? [{ ...order, id: outcome.id }] : [];
}

function note(counts: CallCounts, outcomes: readonly PublishOutcome[]): void {
  counts.calls += outcomes.length;
  counts.failed += outcomes.filter(({ status }) => status !== 'accepted').length;
  counts.unknown += outcomes.filter(({ status }) => status === 'unknown').length;
}

/** Cuts one node's commands after the other, and every fourth time Redis forgets its scripts. */
async function breakUntil(
  work: Promise<unknown>,
  lab: Lab,
  everyMs: number,
): Promise<{ resets: number; flushes: number }> {
  const breaks = { resets: 0, flushes: 0 };
  const done = work.then(
    () => true,
    () => true,
  );
  for (let n = 0; !(await Promise.race([done, sleep(everyMs, false)])); n += 1) {
    if (n % 4 === 3) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await lab.redis.command('SCRIPT', 'FLUSH');
      breaks.flushes += 1;
    } else {
      // oxlint-disable-next-line no-await-in-loop -- see above
      await lab.nodes[n % 4]?.commands.rst();
      breaks.resets += 1;
    }
  }
  return breaks;
}

function inversions({ violations }: Verdict): number {
  return violations.filter(({ invariant }) => invariant === 'P1').length;
}
