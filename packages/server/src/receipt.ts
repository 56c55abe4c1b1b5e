import type { Channel } from '@trunkline/contract';
import { BrokerUnavailableError, RateLimitedError } from './broker/broker.ts';
import type { SealedEvent } from './event.ts';
import { describeError } from './log.ts';
import type { Node } from './node.ts';

/**
 * What became of a send. Never "delivered": receivers may be away. The `id` is the one of this
 * call's event; a repeat under the same idempotency key is not published, and gets the position of
 * the first one.
 */
export type Receipt =
  /**
   * The broker stored it (history on) and announced it. Without history, and of a volatile one, `epoch` is
   * `''` and `offset` 0.
   */
  | {
      readonly id: string;
      readonly status: 'accepted';
      readonly epoch: string;
      readonly offset: number;
    }
  /** It certainly was not published. */
  | { readonly id: string; readonly status: 'dropped'; readonly reason: string }
  /** The broker was asked and did not answer: it may or may not be published. */
  | { readonly id: string; readonly status: 'unknown'; readonly reason: string };

/** How to publish an event. */
export interface SendEventOptions {
  /** 1 to 128 UTF-8 bytes. Repeats with it on the same channel within 5 minutes are dropped. */
  readonly idempotencyKey?: string;
  /** Reject when the event was not or may not be published. Default: say so in the receipt. */
  readonly required?: boolean;
  /**
   * Not kept, whatever the channel keeps: who is connected gets it at most once, nobody later. For what
   * is out of date in seconds. Default: as the room's rule says of events of this type.
   */
  readonly volatile?: boolean;
}

/** The idempotency key is none: empty, too long or no string. The message says what was expected. */
export class InvalidIdempotencyKeyError extends TypeError {
  override readonly name = 'InvalidIdempotencyKeyError';
  readonly code = 'INVALID_IDEMPOTENCY_KEY';
}

const MAX_KEY_BYTES = 128;

/**
 * Publishes a sealed event. An outage does not reject, it is said in the receipt and logged:
 * a finished import must not be reported as failed because a toast could not be sent. A malformed
 * id or idempotency key is no outage: it rejects with a `TypeError`.
 */
export async function sendEvent(
  node: Node,
  channel: Channel,
  { id, type, json, conflationKey, isFollowUp = false }: SealedEvent,
  { idempotencyKey, required = false, volatile = false }: SendEventOptions = {},
): Promise<Receipt> {
  node.alarm.keyOf(channel);
  checkIdempotencyKey(idempotencyKey);
  try {
    const options = {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(conflationKey === undefined ? {} : { conflationKey }),
      isFollowUp,
      volatile: volatile || isVolatileIn(node, channel, type),
    };
    const { epoch, offset } = await node.publish(channel, json, options);
    return { id, status: 'accepted', epoch, offset };
  } catch (error) {
    const isDropped = error instanceof BrokerUnavailableError || error instanceof RateLimitedError;
    const status = isDropped ? 'dropped' : 'unknown';
    const reason = error instanceof Error ? error.message : String(error);
    node.log.warn('send_not_accepted', { event: id, status, error: describeError(error) });
    if (required) throw error;
    return { id, status, reason };
  }
}

function isVolatileIn({ rooms }: Node, { target }: Channel, type: string): boolean {
  return target.kind === 'room' && rooms.isVolatile(target.room, type);
}

/**
 * Throws `InvalidIdempotencyKeyError` for what is no key; none at all is fine. An empty one would be
 * shared by all senders that leave theirs empty.
 */
export function checkIdempotencyKey(key: unknown): void {
  if (key === undefined) return;
  if (typeof key === 'string' && key !== '' && Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  const got = typeof key === 'string' ? `${Buffer.byteLength(key)} bytes` : typeof key;
  throw new InvalidIdempotencyKeyError(
    `An idempotency key is a string of 1 to ${MAX_KEY_BYTES} UTF-8 bytes, got ${got}; leave it out to send each time`,
  );
}
