import type { Broker } from './broker/broker.ts';
import { Sequences } from './sequences.ts';

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
  readonly #changes = new Sequences();

  constructor(broker: Broker, isWanted: (channel: string) => boolean) {
    this.#broker = broker;
    this.#isWanted = isWanted;
  }

  /** Resolves when the broker announces the channel, if the hub wants it to. */
  async align(channel: string): Promise<void> {
    const isAligned = this.#isWanted(channel) === this.#announced.has(channel);
    if (isAligned && !this.#changes.isBusy(channel)) return;
    await this.#changes.run(channel, () => this.#align(channel));
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#changes.settled();
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
