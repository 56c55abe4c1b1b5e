import type { Broker } from './broker/broker.ts';
import type { Follower } from './followed-stream.ts';
import type { GapRepair } from './gap-repair.ts';

/** What the following of channels works with. */
export interface FollowingOptions {
  readonly broker: Broker;
  readonly gaps: Pick<GapRepair, 'follow' | 'forget'>;
  /** Has the hub a subscriber of it? */
  readonly isWanted: (channel: string) => boolean;
  readonly keepsHistory: (channel: string) => boolean;
  readonly followerOf: (channel: string) => Follower;
}

/** What is being done about one channel. */
interface Change {
  readonly running: Promise<void>;
  /** What follows it, for all who have come meanwhile; `null`: nobody has. */
  next: Promise<void> | null;
}

/**
 * Keeps the broker's subscriptions in step with the hub: one per channel, from its first local
 * subscriber to its last. Changes of one channel wait for each other, and each looks at the hub anew,
 * so a last leave that races with a new join ends in the state that the hub is in. For the same reason
 * one that waits does for all who wait: while the broker is away, nobody waits for more than two of its
 * refusals, however many come.
 */
export class Following {
  readonly #options: FollowingOptions;
  /** Channels that the broker announces to this node. */
  readonly #announced = new Set<string>();
  readonly #changes = new Map<string, Change>();

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** Resolves when the broker announces the channel, if the hub wants it to. */
  async align(channel: string): Promise<void> {
    const change = this.#changes.get(channel);
    if (change) {
      change.next ??= change.running.catch(() => {}).then(() => this.#run(channel));
      await change.next;
    } else if (!this.#isAligned(channel)) await this.#run(channel);
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    const changes = [...this.#changes.values()];
    await Promise.allSettled(changes.map(({ running, next }) => next ?? running));
  }

  async #run(channel: string): Promise<void> {
    const change: Change = { running: this.#align(channel), next: null };
    this.#changes.set(channel, change);
    try {
      await change.running;
    } finally {
      if (change.next === null) this.#changes.delete(channel);
    }
  }

  #isAligned(channel: string): boolean {
    return this.#options.isWanted(channel) === this.#announced.has(channel);
  }

  async #align(channel: string): Promise<void> {
    if (this.#isAligned(channel)) return;
    const { broker, gaps, isWanted, keepsHistory, followerOf } = this.#options;
    if (isWanted(channel)) {
      await broker.subscribe(channel);
      this.#announced.add(channel);
      gaps.follow(channel, followerOf(channel), { isKept: keepsHistory(channel) });
    } else {
      gaps.forget(channel);
      this.#announced.delete(channel);
      await broker.unsubscribe(channel);
    }
  }
}
