import { type Channel, describeRealm } from '@trunkline/contract';
import {
  type Broker,
  type ClientInfo,
  PublishTimeoutError,
  RateLimitedError,
  type StreamPosition,
} from './broker/broker.ts';
import type { Node } from './node.ts';
import type { NodePublishOptions } from './node-options.ts';
import { Patience } from './patience.ts';
import { requireOneLine } from './protocol/line.ts';

/** A node's way to the broker: at a tenant's rate, and no longer than the broker may take. */
export class Publisher {
  readonly #node: Node;
  readonly #broker: Broker;
  readonly #patience: Patience;

  constructor(node: Node, broker: Broker) {
    const { wheel, limits } = node;
    const timeoutMs = limits.publishTimeoutMs;
    this.#node = node;
    this.#broker = broker;
    this.#patience = new Patience({
      wheel,
      timeoutMs,
      onLate: () => new PublishTimeoutError(`The broker did not answer in ${timeoutMs} ms`),
    });
  }

  /** As `Node.publish`. */
  async publish(
    channel: Channel,
    data: string,
    { isFollowUp = false, volatile = false, ...options }: NodePublishOptions,
  ): Promise<StreamPosition> {
    const { counters } = this.#node;
    requireOneLine(data);
    const key = this.#node.alarm.keyOf(channel);
    this.#charge(channel, isFollowUp, options.info);
    const publishing = this.#broker.publish(key, data, {
      history: volatile ? null : this.#node.historyOf(channel),
      ...options,
    });
    try {
      const position = await this.#patience.wait(publishing);
      counters.count('publications');
      return position;
    } catch (error) {
      counters.count('publicationsFailed');
      if (error instanceof PublishTimeoutError) this.#node.exceeded('publishTimeoutMs');
      throw error;
    }
  }

  #charge({ realm }: Channel, isFollowUp: boolean, by: ClientInfo | undefined): void {
    const { publishes, limits } = this.#node.tenants.of(realm);
    if (isFollowUp) publishes.charge(1);
    if (isFollowUp || publishes.take()) return;
    const client = by && { userId: by.user, clientId: by.client };
    this.#node.quotaExceeded('publishesPerSecond', { realm, ...client });
    throw new RateLimitedError(
      `Not published: ${describeRealm(realm)} publishes more than ${limits.publishesPerSecond} times a second (limits.publishesPerSecond)`,
    );
  }
}
