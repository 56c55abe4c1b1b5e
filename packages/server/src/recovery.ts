import type { History, Publication, StreamPosition } from './broker/broker.ts';
import type { Node } from './node.ts';
import type { RecoverRequest } from './protocol/command.ts';
import { publicationBody, type SubscribeResult } from './protocol/reply.ts';
import type { Subscription } from './subscription.ts';
import type { TimeBudget } from './time-budget.ts';

/** A subscription that is ready for its reply, and where that reply puts the client. */
export interface Joined {
  readonly subscription: Subscription;
  readonly result: SubscribeResult;
  /** Top of the history that was read; `null` without history. */
  readonly position: StreamPosition | null;
}

/** Bytes that a reply may carry. */
export interface RecoveryBudget {
  /** Takes what these need; `false` takes nothing: they do not fit. */
  take(publications: readonly Publication[]): boolean | Promise<boolean>;
}

/** A fixed number of bytes, shared by all channels of one reply. */
export class ReplyBudget implements RecoveryBudget {
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(publications: readonly Publication[]): boolean {
    const bytes = sizeOf(publications);
    if (bytes > this.#bytes) return false;
    this.#bytes -= bytes;
    return true;
  }
}

/** The queue that a reply goes to, as much of it as a budget needs. */
export interface ReplyQueue {
  /** Bytes that one reply may have now. */
  readonly room: number;
  /** Sets bytes aside; a negative number gives them back. */
  hold(bytes: number): void;
  /** Resolves when something has left; `false` when nothing will. */
  drained(): Promise<boolean>;
}

/**
 * As much as the client's queue has room for: a client that comes back recovers all its rooms at once,
 * and their replies must fit into the queue together. What does not fit yet waits for what is before
 * it, as long as the command's time allows.
 */
export class QueueBudget implements RecoveryBudget {
  readonly #queue: ReplyQueue;
  readonly #maxBytes: number;
  readonly #time: TimeBudget;
  #heldBytes = 0;

  constructor(queue: ReplyQueue, maxBytes: number, time: TimeBudget) {
    this.#queue = queue;
    this.#maxBytes = maxBytes;
    this.#time = time;
  }

  async take(publications: readonly Publication[]): Promise<boolean> {
    const bytes = sizeOf(publications);
    if (bytes > this.#maxBytes) return false;
    while (bytes > this.#queue.room) {
      // oxlint-disable-next-line no-await-in-loop -- each time something has left
      const isDrained = await this.#time.patience(this.#queue.drained(), false);
      if (!isDrained) return false;
    }
    this.#heldBytes += bytes;
    this.#queue.hold(bytes);
    return true;
  }

  /** Gives back what was set aside: the reply is written now, or never. */
  release(): void {
    this.#queue.hold(-this.#heldBytes);
    this.#heldBytes = 0;
  }
}

/** As text in a reply, with the comma. */
function sizeOf(publications: readonly Publication[]): number {
  return publications.reduce(
    (sum, publication) => sum + Buffer.byteLength(publicationBody(publication)) + 1,
    0,
  );
}

/**
 * Brings a subscription to the point where its reply can be written. Subscribes before it reads
 * history: the other way round, what is published in between would be in neither.
 */
export async function join(
  node: Node,
  subscription: Subscription,
  recover: RecoverRequest | undefined,
  budget: RecoveryBudget,
): Promise<Joined> {
  const { channel } = subscription;
  await node.subscribe(channel, subscription);
  // Whoever has gone meanwhile has been taken out of presence already: nobody would do it again.
  if (subscription.hasEnded) return { subscription, result: {}, position: null };
  await node.presences.enter(subscription);
  if (!node.keepsHistory(channel)) return { subscription, result: {}, position: null };
  const history = await node.history(channel, recover?.offset ?? null);
  const result = await recoverFrom(history, recover, budget);
  if (recover) node.counters.count(result.recovered ? 'recovered' : 'unrecovered');
  return { subscription, result, position: history.top };
}

/** What a subscribe answers, given the history after the position asked from (protocol, 11.4). */
async function recoverFrom(
  history: History,
  recover: RecoverRequest | undefined,
  budget: RecoveryBudget,
): Promise<SubscribeResult> {
  const { top, publications } = history;
  if (!recover) return { position: top };
  if (!isUnbroken(history, recover) || !(await budget.take(publications))) {
    return { position: top, wasRecovering: true };
  }
  const position = { epoch: top.epoch, offset: recover.offset };
  return { position, wasRecovering: true, recovered: true, publications };
}

/** Is everything from the asked position to the top here? */
function isUnbroken({ top, publications }: History, { epoch, offset }: RecoverRequest): boolean {
  if (epoch !== '' && epoch !== top.epoch) return false;
  const [first] = publications;
  if (!first) return top.offset === offset;
  return first.offset === offset + 1 && publications.at(-1)?.offset === top.offset;
}
