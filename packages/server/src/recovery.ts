import type { History, Publication, StreamPosition } from './broker/broker.ts';
import type { Node } from './node.ts';
import type { RecoverRequest } from './protocol/command.ts';
import { publicationBody, type SubscribeResult } from './protocol/reply.ts';
import type { ReplySpace } from './reply-space.ts';
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

/**
 * As much as the client's queue has space for; what does not fit yet waits, as long as the command's
 * time allows.
 */
export class QueueBudget implements RecoveryBudget {
  readonly #space: ReplySpace;
  readonly #maxBytes: number;
  readonly #time: TimeBudget;
  #takenBytes = 0;
  #isReleased = false;

  constructor(space: ReplySpace, maxBytes: number, time: TimeBudget) {
    this.#space = space;
    this.#maxBytes = maxBytes;
    this.#time = time;
  }

  async take(publications: readonly Publication[]): Promise<boolean> {
    if (publications.length === 0) return true; // who has missed nothing waits for nobody
    const bytes = sizeOf(publications);
    if (bytes > this.#maxBytes || this.#isReleased) return false;
    if (!(await this.#space.take(bytes, this.#time.patienceMs))) return false;
    this.#takenBytes += bytes;
    if (!this.#isReleased) return true;
    this.release(); // too late: its command has been answered
    return false;
  }

  /** Gives back what was set aside: the reply is written now, or never. */
  release(): void {
    this.#isReleased = true;
    const bytes = this.#takenBytes;
    this.#takenBytes = 0;
    if (bytes > 0) this.#space.release(bytes);
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
  if (recover && !subscription.hasEnded) {
    node.counters.count(result.recovered ? 'recovered' : 'unrecovered');
    const isTooMuch = !result.recovered && isUnbroken(history, recover);
    if (isTooMuch) node.exceeded('maxRecoveryBytes', { client: subscription.id });
  }
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
