import type { History, Publication, StreamPosition } from './broker/broker.ts';
import type { Node } from './node.ts';
import type { RecoverRequest } from './protocol/command.ts';
import type { SubscribeResult } from './protocol/reply.ts';
import type { Subscription } from './subscription.ts';

/** A subscription that is ready for its reply, and where that reply puts the client. */
export interface Joined {
  readonly subscription: Subscription;
  readonly result: SubscribeResult;
  /** Top of the history that was read; `null` without history. */
  readonly position: StreamPosition | null;
}

/** Around the data of each publication in a reply: `{"data":…,"offset":1234567890123456},`. */
const WRAPPER_BYTES = 40;

/** Bytes of publications that one reply may carry, shared by all its channels. */
export class RecoveryBudget {
  #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Takes what these need; `false` takes nothing: they do not fit. */
  take(publications: readonly Publication[]): boolean {
    const sizes = publications.map(({ data }) => Buffer.byteLength(data) + WRAPPER_BYTES);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (bytes > this.#bytes) return false;
    this.#bytes -= bytes;
    return true;
  }
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
  await node.presences.enter(subscription);
  if (!node.keepsHistory(channel)) return { subscription, result: {}, position: null };
  const history = await node.history(channel, recover?.offset ?? null);
  const result = recoverFrom(history, recover, budget);
  if (recover) node.counters.count(result.recovered ? 'recovered' : 'unrecovered');
  return { subscription, result, position: history.top };
}

/** What a subscribe answers, given the history after the position asked from (protocol, 11.4). */
function recoverFrom(
  history: History,
  recover: RecoverRequest | undefined,
  budget: RecoveryBudget,
): SubscribeResult {
  const { top, publications } = history;
  if (!recover) return { position: top };
  if (!isUnbroken(history, recover) || !budget.take(publications)) {
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
