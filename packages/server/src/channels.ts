import type {
  Broker,
  History,
  PresenceChange,
  Publication,
  StreamPosition,
} from './broker/broker.ts';
import type { Counters } from './counters.ts';
import type { Follower } from './followed-stream.ts';
import { Following } from './following.ts';
import { GapRepair, type Leave } from './gap-repair.ts';
import type { Hub, Subscriber } from './hub.ts';

/** What a node's channels work with. */
export interface ChannelsOptions {
  readonly broker: Broker;
  readonly hub: Hub;
  readonly counters: Counters;
  readonly leave: Leave;
  /** As `limits.gapCheckMs`. */
  readonly gapCheckMs: number;
  readonly keepsHistory: (channel: string) => boolean;
  readonly onError: (what: string, error: unknown) => void;
}

/**
 * The channels that a node hears: those of its hub, as long as somebody here listens to them, and those
 * by which nodes talk with each other.
 */
export class Channels {
  readonly #options: ChannelsOptions;
  readonly #gaps: GapRepair;
  readonly #following: Following;

  constructor(options: ChannelsOptions) {
    const { broker, hub, leave, counters, gapCheckMs: checkMs, keepsHistory, onError } = options;
    this.#options = options;
    this.#gaps = new GapRepair({
      broker,
      leave,
      checkMs,
      onRepaired: (count) => counters.count('repaired', count),
      onLost: () => counters.count('lostStreams'),
      onError: (error) => onError('gap repair', error),
    });
    this.#following = new Following({
      broker,
      gaps: this.#gaps,
      isWanted: (channel) => hub.has(channel),
      keepsHistory,
      followerOf: (channel) => new HubFollower(hub, channel),
    });
  }

  start(): void {
    this.#gaps.start();
  }

  /** Resolves when every channel has been left that was being left. */
  async stop(): Promise<void> {
    this.#gaps.stop();
    await this.#following.settled();
  }

  /** The broker announces a publication. */
  announced(channel: string, publication: Publication, epoch: string): void {
    if (this.#gaps.announced(channel, publication, epoch)) return;
    // The broker follows it already, and this node does not know yet that it does.
    const { hub, leave } = this.#options;
    if (leave.mayDeliver) hub.fanOut(channel, publication, epoch);
  }

  /** The broker says who came to a channel, or went. */
  presenceChanged(channel: string, change: PresenceChange): void {
    const { hub, leave } = this.#options;
    if (leave.mayDeliver) hub.fanOutPresenceChange(channel, change);
  }

  /** The broker was cut off: what it would have announced is read. */
  resumed(): void {
    void this.#gaps.check();
  }

  /** As `Node.subscribe`. */
  async subscribe(channel: string, subscriber: Subscriber): Promise<void> {
    this.#options.hub.add(channel, subscriber);
    await this.#following.align(channel);
  }

  /** As `Node.unsubscribe`. */
  unsubscribe(channel: string, subscriber: Subscriber): void {
    this.#options.hub.remove(channel, subscriber);
    this.#following.align(channel).catch((error: unknown) => {
      this.#options.onError('unsubscribe', error);
    });
  }

  /** As `Node.history`. */
  async history(channel: string, afterOffset: number | null): Promise<History> {
    const history = await this.#options.broker.history(channel, afterOffset);
    this.#gaps.note(channel, history.top);
    return history;
  }

  /**
   * Hears a channel that is the node's own, and none that a session could name. Resolves when whatever is
   * published from then on will be delivered.
   */
  async hear(channel: string, follower: Follower, isKept: boolean): Promise<void> {
    const { broker } = this.#options;
    this.#gaps.follow(channel, follower, { isKept, isOwn: true });
    await broker.subscribe(channel);
    if (isKept) await this.history(channel, null);
  }

  /** Resolves when what was published to it, and is kept, has been delivered. */
  async catchUp(channel: string): Promise<void> {
    await this.#gaps.catchUp(channel);
  }

  /** Hears it no more. */
  async leave(channel: string): Promise<void> {
    this.#gaps.forget(channel);
    await this.#options.broker.unsubscribe(channel);
  }
}

/** The hub as one channel's follower. */
class HubFollower implements Follower {
  readonly #hub: Hub;
  readonly #channel: string;

  constructor(hub: Hub, channel: string) {
    this.#hub = hub;
    this.#channel = channel;
  }

  deliver(publication: Publication, epoch: string): void {
    this.#hub.fanOut(this.#channel, publication, epoch);
  }

  lose(top: StreamPosition): void {
    this.#hub.lose(this.#channel, top);
  }
}
