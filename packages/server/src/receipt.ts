import type { Channel } from '@trunkline/contract';
import { BrokerUnavailableError, NotDurableError, RateLimitedError } from './broker/broker.ts';
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
  /**
   * How safe it must be to count as sent: so many replicas of the broker must have it. Rejects with
   * `NotDurableError` when they do not in time, or there are not so many: then it is sent, and may be lost
   * with the broker's server. Where the broker has none that it could ask, nothing is sent, and the error's
   * `isPublished` is false. Default: its own server has it.
   */
  readonly durable?: Durability;
}

/** What must have an event before it counts as sent. */
export interface Durability {
  /** From 1. */
  readonly replicas: number;
}

/** What is asked for in `durable` cannot be had of any broker. The message says what was expected. */
export class InvalidDurabilityError extends TypeError {
  override readonly name = 'InvalidDurabilityError';
  readonly code = 'INVALID_DURABILITY';
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
 * id, idempotency key or durability is no outage: it rejects with a `TypeError`. So does an event that is
 * to be durable and is not, with `NotDurableError`.
 */
export async function sendEvent(
  node: Node,
  channel: Channel,
  { id, type, json, conflationKey, isFollowUp = false }: SealedEvent,
  sendOptions: SendEventOptions = {},
): Promise<Receipt> {
  checkSend(node, channel, type, sendOptions);
  const { idempotencyKey, required = false, durable } = sendOptions;
  try {
    const options = {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(conflationKey === undefined ? {} : { conflationKey }),
      ...(durable === undefined ? {} : { replicas: durable.replicas }),
      isFollowUp,
      volatile: isVolatile(node, channel, type, sendOptions),
    };
    const { epoch, offset } = await node.publish(channel, json, options);
    return { id, status: 'accepted', epoch, offset };
  } catch (error) {
    const isDropped = error instanceof BrokerUnavailableError || error instanceof RateLimitedError;
    const status = isDropped ? 'dropped' : 'unknown';
    const reason = error instanceof Error ? error.message : String(error);
    node.log.warn('send_not_accepted', { event: id, status, error: describeError(error) });
    if (required || error instanceof NotDurableError) throw error;
    return { id, status, reason };
  }
}

/**
 * Throws a `TypeError` for a send that would reject whatever the broker does: where something else must not
 * happen if it does, that is to be known before.
 */
export function checkSend(
  node: Node,
  channel: Channel,
  type: string,
  options: SendEventOptions,
): void {
  node.alarm.keyOf(channel);
  checkIdempotencyKey(options.idempotencyKey);
  if (options.durable === undefined) return;
  checkDurability(options.durable);
  if (!isVolatile(node, channel, type, options) && node.historyOf(channel)) return;
  throw new InvalidDurabilityError(
    'What is not kept cannot be durable: send it without durable, or not as volatile',
  );
}

function isVolatile(
  { rooms }: Node,
  { target }: Channel,
  type: string,
  { volatile = false }: SendEventOptions,
): boolean {
  return volatile || (target.kind === 'room' && rooms.isVolatile(target.room, type));
}

function checkDurability(durable: unknown): void {
  const { replicas } = (durable ?? {}) as { readonly replicas?: unknown };
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 1) {
    throw new InvalidDurabilityError(
      `durable is { replicas } with a whole number from 1, got replicas ${String(replicas)}; leave it out where the broker's own server will do`,
    );
  }
}

/**
 * Throws `InvalidIdempotencyKeyError` for what is no key; none at all is fine. An empty one would be
 * shared by all senders that leave theirs empty.
 */
function checkIdempotencyKey(key: unknown): void {
  if (key === undefined) return;
  if (typeof key === 'string' && key !== '' && Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  const got = typeof key === 'string' ? `${Buffer.byteLength(key)} bytes` : typeof key;
  throw new InvalidIdempotencyKeyError(
    `An idempotency key is a string of 1 to ${MAX_KEY_BYTES} UTF-8 bytes, got ${got}; leave it out to send each time`,
  );
}
