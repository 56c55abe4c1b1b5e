import type { History, Publication, StreamPosition } from './broker/broker.ts';
import type { Node } from './node.ts';
import type { RecoverRequest } from './protocol/command.ts';
import type { DeltaSource } from './protocol/push.ts';
import { deltaBody, publicationBody, type SubscribeResult, textBody } from './protocol/reply.ts';
import type { ReplySpace } from './reply-space.ts';
import type { Subscription } from './subscription.ts';
import type { TimeBudget } from './time-budget.ts';
import { isUnbroken } from './unbroken.ts';

/** A subscription that is ready for its reply, and where that reply puts the client. */
export interface Joined {
  readonly subscription: Subscription;
  readonly result: SubscribeResult;
  /** Top of the history that was read; `null` without history. */
  readonly position: StreamPosition | null;
  /** The last payload of the reply, which the next delta may build on; `null`: there is none. */
  readonly base: string | null;
}

/** Bytes that a reply may carry. */
export interface RecoveryBudget {
  /** Takes so many bytes; `false` takes nothing: there are not so many. */
  take(bytes: number): boolean | Promise<boolean>;
}

/** A fixed number of bytes, shared by all channels of one reply. */
export class ReplyBudget implements RecoveryBudget {
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(bytes: number): boolean {
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

  async take(bytes: number): Promise<boolean> {
    if (bytes === 0) return true; // who has missed nothing waits for nobody
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

/** Bytes of publications in a reply, with the comma behind each. As deltas they have no more than as text. */
export function sizeOf(publications: readonly Publication[], isDelta = false): number {
  const bodyOf = isDelta ? textBody : publicationBody;
  return publications.reduce(
    (sum, publication) => sum + Buffer.byteLength(bodyOf(publication)) + 1,
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
  if (!subscription.hasEnded) await node.presences.enter(subscription);
  const agreed = agreedOn(node, subscription);
  if (subscription.hasEnded || !node.keepsHistory(channel)) {
    return { subscription, result: agreed, position: null, base: null };
  }
  const history = await node.history(channel, recover?.offset ?? null);
  const { top } = history;
  const missed = recover ? await missedBy(node, subscription, { history, recover, budget }) : null;
  if (recover && !subscription.hasEnded) {
    node.counters.count(missed ? 'recovered' : 'unrecovered');
  }
  return {
    subscription,
    result: { ...agreed, ...recoveredFrom(top, recover, missed) },
    position: top,
    base: (missed && history.publications.at(-1)?.data) ?? null,
  };
}

/** What the reply says of how publications will come. */
function agreedOn(node: Node, { channel, form }: Subscription): SubscribeResult {
  const number = form.isCompact ? node.channelNumber(channel) : undefined;
  return {
    ...(form.isDelta ? { isDelta: true } : {}),
    ...(number === undefined ? {} : { number }),
  };
}

interface Asked {
  readonly history: History;
  readonly recover: RecoverRequest;
  readonly budget: RecoveryBudget;
}

/**
 * Everything after the position asked from, for the reply; `null`: not all of it is here, or fits, or its
 * tenant has no bytes for it. What waits is a number of bytes: the texts are made when their turn comes.
 */
async function missedBy(
  node: Node,
  { id, form, principal }: Subscription,
  { history, recover, budget }: Asked,
): Promise<readonly string[] | null> {
  if (!isUnbroken(history, recover)) return null;
  const { publications } = history;
  const bytes = sizeOf(publications, form.isDelta);
  if (!(await budget.take(bytes))) {
    node.exceeded('maxRecoveryBytes', { client: id });
    return null;
  }
  const { realm, userId } = principal;
  const { recoveries, deltas } = node.tenants.of(realm);
  if (!(await recoveries.take(bytes))) {
    node.quotaExceeded('fanOutBytesPerSecond', { realm, userId, clientId: id });
    return null;
  }
  return form.isDelta ? chainOf(publications, deltas) : publications.map(publicationBody);
}

/** The first in full, each of the others as what changed since the one before (protocol, section 15). */
function chainOf(publications: readonly Publication[], deltas: DeltaSource): string[] {
  return publications.map((publication, index) => {
    const before = publications[index - 1];
    const delta = before ? deltas.from(before.data, publication) : null;
    return delta === null ? textBody(publication) : deltaBody(publication, delta);
  });
}

/** What a subscribe answers, given what the client has missed (protocol, 11.4). */
function recoveredFrom(
  top: StreamPosition,
  recover: RecoverRequest | undefined,
  publications: readonly string[] | null,
): SubscribeResult {
  if (!recover) return { position: top };
  if (!publications) return { position: top, wasRecovering: true };
  const position = { epoch: top.epoch, offset: recover.offset };
  return { position, wasRecovering: true, recovered: true, publications };
}
