import type { Broker } from './broker/broker.ts';

/**
 * Keeps the broker's subscriptions in step with the hub: one per channel, from its first local
 * subscriber to its last. Changes of one channel wait for each other, and each looks at the hub anew,
 * so a last leave that races with a new join ends in the state that the hub is in.
 */
export class Following {
  readonly #broker: Broker;
  readonly #isWanted: (channel: string) => boolean;
  /** Channels that the broker announces to this node. */
  readonly #announced = new Set<string>();
  /** The last change of a channel: the next one waits for it. */
  readonly #changes = new Map<string, Promise<void>>();

  constructor(broker: Broker, isWanted: (channel: string) => boolean) {
    this.#broker = broker;
    this.#isWanted = isWanted;
  }

  /** Resolves when the broker announces the channel, if the hub wants it to. */
  async align(channel: string): Promise<void> {
    const change = (this.#changes.get(channel) ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.#align(channel));
    this.#changes.set(channel, change);
    try {
      await change;
    } finally {
      if (this.#changes.get(channel) === change) this.#changes.delete(channel);
    }
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#changes.values());
  }

  async #align(channel: string): Promise<void> {
    const wanted = this.#isWanted(channel);
    if (wanted === this.#announced.has(channel)) return;
    if (wanted) {
      await this.#broker.subscribe(channel);
      this.#announced.add(channel);
    } else {
      this.#announced.delete(channel);
      await this.#broker.unsubscribe(channel);
    }
  }
}
