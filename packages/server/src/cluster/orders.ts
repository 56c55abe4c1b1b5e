import { randomUUID } from 'node:crypto';
import type { StreamPosition } from '../broker/broker.ts';
import { Deadline } from '../deadline.ts';
import { NodesUnreachableError, OrderFailedError } from './errors.ts';
import type { Answer, Order } from './message.ts';
import type { ClusterNode, ClusterNodes } from './nodes.ts';

/** What the sending of orders works with. */
export interface SentOrdersOptions {
  readonly nodeId: string;
  readonly nodes: ClusterNodes;
  readonly timeoutMs: number;
  /** To all nodes, kept. */
  readonly publish: (order: Order) => Promise<StreamPosition>;
  /** To one that has not confirmed it. */
  readonly publishAgain: (nodeId: string, order: Order) => void;
}

/** Who must confirm an order and has not, as far as it is known. */
interface Missing {
  readonly nodeIds: readonly string[];
  /** So long there may be others. */
  readonly uncertainMs: number;
}

/** After so long a node that has not confirmed may not have got the order, or its confirmation got lost. */
const PATIENCE_MS = 1_000;

/**
 * The orders of this node that others have not all confirmed. Whom to wait for is read when an order is
 * published: who has begun to follow by then gets it, and who begins later finds everything as it is after it.
 */
export class SentOrders {
  readonly #options: SentOrdersOptions;
  readonly #sent = new Map<string, SentOrder>();
  #isStopped = false;

  constructor(options: SentOrdersOptions) {
    this.#options = options;
  }

  /** As `Cluster.order`. */
  async send(kind: string, data: unknown): Promise<void> {
    const { nodeId, publish } = this.#options;
    const order: Order = { type: 'order', id: randomUUID(), from: nodeId, kind, data };
    const sent = new SentOrder();
    this.#sent.set(order.id, sent);
    try {
      await this.#confirmed(order, sent, await publish(order));
    } finally {
      this.#sent.delete(order.id);
    }
  }

  /** Another node has confirmed an order. `false`: none that is still waited for. */
  answered({ to, from, error }: Answer): boolean {
    const sent = this.#sent.get(to);
    sent?.confirm(from, error ?? null);
    return sent !== undefined;
  }

  /** Nobody is waited for any more. */
  stop(): void {
    this.#isStopped = true;
    for (const sent of this.#sent.values()) sent.giveUp();
  }

  async #confirmed(order: Order, sent: SentOrder, position: StreamPosition): Promise<void> {
    const { timeoutMs, publishAgain } = this.#options;
    const until = performance.now() + timeoutMs;
    let missing: Missing = { nodeIds: [], uncertainMs: 0 };
    do {
      // Whoever lives may as well confirm it again while it is not certain that nobody else must.
      for (const nodeId of missing.nodeIds) publishAgain(nodeId, order);
      // oxlint-disable-next-line no-await-in-loop -- each look is at what the one before has left
      missing = await this.#missing(sent, position);
      const { nodeIds, uncertainMs } = missing;
      const certainIds = uncertainMs > 0 ? null : nodeIds;
      const patienceMs = Math.min(
        uncertainMs || PATIENCE_MS,
        PATIENCE_MS,
        until - performance.now(),
      );
      // oxlint-disable-next-line no-await-in-loop
      if (await sent.confirmedBy(certainIds, patienceMs)) return sent.throwFailure();
    } while (performance.now() < until && !this.#isStopped);
    const left = missing.nodeIds.filter((nodeId) => !sent.isConfirmedBy(nodeId));
    throw new NodesUnreachableError(left, timeoutMs);
  }

  async #missing(sent: SentOrder, position: StreamPosition): Promise<Missing> {
    const { nodes, nodeId } = this.#options;
    const [listed] = await Promise.allSettled([nodes.list()]);
    if (listed.status === 'rejected') return { nodeIds: [], uncertainMs: PATIENCE_MS };
    // Where this one is not listed, others that live may not be either.
    if (!listed.value.some(({ id }) => id === nodeId)) nodes.doubt();
    const nodeIds = listed.value.flatMap((node) =>
      node.id !== nodeId && mustConfirm(node, position) && !sent.isConfirmedBy(node.id)
        ? [node.id]
        : [],
    );
    return { nodeIds, uncertainMs: nodes.uncertainMs };
  }
}

/** Who has no doors has nobody to do it to, and who began to follow behind the order nothing to do about it. */
function mustConfirm({ isAttached, follows }: ClusterNode, position: StreamPosition): boolean {
  const { epoch, offset } = position;
  if (!isAttached) return false;
  return follows?.epoch !== epoch || follows.offset < offset;
}

/** One order, and who has confirmed it. */
class SentOrder {
  /** What each node said: why it could not, or `null`. */
  readonly #outcomes = new Map<string, string | null>();
  #isGivenUp = false;
  #wake: () => void = () => {};

  confirm(nodeId: string, problem: string | null): void {
    this.#outcomes.set(nodeId, problem);
    this.#wake();
  }

  giveUp(): void {
    this.#isGivenUp = true;
    this.#wake();
  }

  isConfirmedBy(nodeId: string): boolean {
    return this.#outcomes.has(nodeId);
  }

  /** Resolves with `true` when all of these have, with `false` when that takes longer; of `null`, always so. */
  async confirmedBy(nodeIds: readonly string[] | null, patienceMs: number): Promise<boolean> {
    const isConfirmed = () => nodeIds?.every((nodeId) => this.#outcomes.has(nodeId)) ?? false;
    if (isConfirmed() || this.#isGivenUp) return isConfirmed();
    const { promise, resolve } = Promise.withResolvers<void>();
    const deadline = new Deadline();
    deadline.set(patienceMs, resolve);
    this.#wake = () => {
      if (isConfirmed() || this.#isGivenUp) resolve();
    };
    await promise;
    deadline.clear();
    return isConfirmed();
  }

  /** Throws what a node could not do. */
  throwFailure(): void {
    for (const [nodeId, problem] of this.#outcomes) {
      if (problem !== null) throw new OrderFailedError(nodeId, problem);
    }
  }
}
