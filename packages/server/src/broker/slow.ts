import type {
  Broker,
  BrokerListener,
  ClientInfo,
  History,
  PresenceChange,
  PublishOptions,
  StreamPosition,
} from './broker.ts';
import { MemoryBroker } from './memory.ts';

/** Options of the slow engine. */
export interface SlowBrokerOptions {
  /** The longest delay of one step, milliseconds. Default 5. */
  maxDelayMs?: number;
  /** A number from 0 up to 1, as `Math.random` gives; seed it to replay a run. */
  random?: () => number;
}

/**
 * A test double: the memory engine behind random delays, as over a network. Announcements of one
 * channel keep their order. The memory engine itself never yields, so that it cannot show a
 * publication that comes between reading history and writing the reply; this one does.
 */
export class SlowBroker implements Broker {
  readonly isShared: boolean = false;
  readonly #inner = new MemoryBroker();
  readonly #maxDelayMs: number;
  readonly #random: () => number;
  /** The last step of each channel's way in and of its way out. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor({ maxDelayMs = 5, random = Math.random }: SlowBrokerOptions = {}) {
    this.#maxDelayMs = maxDelayMs;
    this.#random = random;
  }

  async start(listener: BrokerListener): Promise<void> {
    await this.#inner.start({
      onPublication: (channel, ...rest) => {
        void this.#inOrder(`out ${channel}`, () => listener.onPublication(channel, ...rest));
      },
      onPresenceChange: (channel, change) => {
        void this.#inOrder(`out ${channel}`, () => listener.onPresenceChange?.(channel, change));
      },
    });
  }

  async stop(): Promise<void> {
    await this.#inner.stop();
    await Promise.allSettled(this.#tails.values());
  }

  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    const publish = () => this.#inner.publish(channel, data, options);
    const position = await this.#inOrder(`in ${channel}`, publish);
    await this.#delay();
    return position;
  }

  async subscribe(channel: string): Promise<void> {
    await this.#delay();
    await this.#inner.subscribe(channel);
    await this.#delay();
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#delay();
    await this.#inner.unsubscribe(channel);
  }

  async history(channel: string, afterOffset: number | null): Promise<History> {
    await this.#delay();
    const history = await this.#inner.history(channel, afterOffset);
    await this.#delay();
    return history;
  }

  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    await this.#delay();
    return await this.#inner.tops(channels);
  }

  async broadcast(channel: string, change: PresenceChange): Promise<void> {
    await this.#inOrder(`in ${channel}`, () => this.#inner.broadcast(channel, change));
  }

  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    await this.#delay();
    await this.#inner.addPresence(channel, info, ttlMs);
  }

  async removePresence(channel: string, clientId: string): Promise<void> {
    await this.#delay();
    await this.#inner.removePresence(channel, clientId);
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    await this.#delay();
    return await this.#inner.presence(channel);
  }

  async addJoin(user: string, room: string): Promise<void> {
    await this.#delay();
    await this.#inner.addJoin(user, room);
    await this.#delay();
  }

  async removeJoin(user: string, room: string): Promise<void> {
    await this.#delay();
    await this.#inner.removeJoin(user, room);
    await this.#delay();
  }

  async joins(user: string): Promise<readonly string[]> {
    await this.#delay();
    const rooms = await this.#inner.joins(user);
    await this.#delay();
    return rooms;
  }

  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    await this.#delay();
    await this.#inner.revoke(subject, at, ttlMs);
    await this.#delay();
  }

  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    await this.#delay();
    return await this.#inner.revokedAt(subjects);
  }

  /** Runs a step after a delay of its own, but never before the earlier ones of the same line. */
  async #inOrder<T>(line: string, step: () => T | Promise<T>): Promise<T> {
    const earlier = this.#tails.get(line) ?? Promise.resolve();
    const running = Promise.allSettled([earlier, this.#delay()]).then(step);
    this.#tails.set(line, running);
    return await running;
  }

  async #delay(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, this.#random() * this.#maxDelayMs);
    await promise;
  }
}
