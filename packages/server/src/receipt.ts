import { type Channel, channelKey } from '@trunkline/contract';
import { BrokerUnavailableError } from './broker/broker.ts';
import type { SealedEvent } from './event.ts';
import type { Node } from './node.ts';

/** What became of a send. Never "delivered": receivers may be away. */
export type Receipt =
  /** The broker stored it (history on) and announced it. Without history `epoch` is `''`. */
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
  /** Repeats with the same key on the same channel within 5 minutes are dropped. */
  readonly idempotencyKey?: string;
  /** Reject when the event was not or may not be published. Default: say so in the receipt. */
  readonly required?: boolean;
}

/**
 * Publishes a sealed event. An outage does not reject, it is said in the receipt and logged:
 * a finished import must not be reported as failed because a toast could not be sent. A malformed
 * id is no outage: it rejects with a `TypeError`.
 */
export async function sendEvent(
  node: Node,
  channel: Channel,
  { id, json }: SealedEvent,
  { idempotencyKey, required = false }: SendEventOptions = {},
): Promise<Receipt> {
  channelKey(channel);
  try {
    const options = idempotencyKey === undefined ? {} : { idempotencyKey };
    const { epoch, offset } = await node.publish(channel, json, options);
    return { id, status: 'accepted', epoch, offset };
  } catch (error) {
    const status = error instanceof BrokerUnavailableError ? 'dropped' : 'unknown';
    const reason = error instanceof Error ? error.message : String(error);
    node.log.warn('send_not_accepted', { event: id, status, reason });
    if (required) throw error;
    return { id, status, reason };
  }
}
