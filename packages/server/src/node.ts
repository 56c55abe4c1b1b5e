import { randomUUID } from 'node:crypto';
import { type Channel, channelKey, describeRealm, parseChannelKey } from '@trunkline/contract';
import {
  type Broker,
  type History,
  type Publication,
  PublishTimeoutError,
  type StreamPosition,
} from './broker/broker.ts';
import { MemoryBroker } from './broker/memory.ts';
import { disconnects } from './errors.ts';
import { Hub, type Subscriber } from './hub.ts';
import { type HistoryLimits, type Limits, resolveLimits } from './limits.ts';
import { consoleLog, describeError, harmlessLog, type Log } from './log.ts';
import type { Authenticate, Principal } from './principal.ts';
import { type RoomRules, Rooms } from './rooms.ts';
import { withTimeout } from './with-timeout.ts';

/** How a node is set up. */
export interface NodeOptions {
  /** Who a connection acts for. */
  authenticate: Authenticate;
  /** What holds for which rooms. Default: no rules, so no client enters a room on its own wish. */
  rooms?: RoomRules;
  /** Rooms that a connection is subscribed to from the start. */
  roomsOf?: (principal: Principal) => readonly string[] | Promise<readonly string[]>;
  /** What the nodes share. Default: memory, for a single node. */
  broker?: Broker;
  /** Limits that differ from the defaults. */
  limits?: Partial<Limits>;
  /** Default: the console. */
  log?: Log;
}

/** How a node says good-bye. */
export interface DrainOptions {
  /** Milliseconds between refusing new connections and closing the first. Default 5 s. */
  waitMs?: number;
  /** Milliseconds over which the closes are spread at random. Default 15 s. */
  spreadMs?: number;
  /** Milliseconds after which what is left is destroyed. Default 25 s. */
  deadlineMs?: number;
}

/** Counters and sizes of a node. */
export interface NodeStats {
  readonly connections: number;
  /** Of the connections, those that nobody has authenticated yet. */
  readonly unauthenticated: number;
  readonly channels: number;
  /** Deliveries that the second realm check stopped. Anything but 0 is a bug: tell us. */
  readonly isolationViolations: number;
}

/** One server process's real-time engine: hub and broker, and the rules between them. */
export class Node {
  readonly id: string = randomUUID();
  readonly limits: Limits;
  readonly log: Log;
  readonly hub: Hub;
  readonly rooms: Rooms;
  readonly authenticate: Authenticate;
  readonly roomsOf: NonNullable<NodeOptions['roomsOf']>;
  readonly #broker: Broker;
  /** Channels that the broker announces to this node. */
  readonly #announced = new Set<string>();
  /** The last change of a channel's broker subscription: the next one waits for it. */
  readonly #changes = new Map<string, Promise<void>>();
  #isolationViolations = 0;
  #draining = false;

  constructor(options: NodeOptions) {
    this.limits = resolveLimits(options.limits);
    this.log = harmlessLog(options.log ?? consoleLog);
    this.hub = new Hub((subscriber, channel) => this.#onIsolationViolation(subscriber, channel));
    this.rooms = new Rooms(options.rooms ?? {}, this.limits.history);
    this.authenticate = options.authenticate;
    this.roomsOf = options.roomsOf ?? (() => []);
    this.#broker = options.broker ?? new MemoryBroker();
  }

  /** Is this node refusing new connections because it is about to stop? */
  get isDraining(): boolean {
    return this.#draining;
  }

  async start(): Promise<void> {
    await this.#broker.start((channel, publication, epoch) =>
      this.#onPublication(channel, publication, epoch),
    );
  }

  /** Destroys what is connected and, when every channel has been left, stops the broker. */
  async stop(): Promise<void> {
    this.#draining = true;
    this.#terminateAll();
    await this.hub.emptied();
    await Promise.allSettled(this.#changes.values());
    await this.#broker.stop();
  }

  /**
   * Publishes JSON text to a channel: on all nodes, kept in its history. Calls for one channel get
   * offsets in call order. Rejects with `PublishTimeoutError` when the broker does not answer in
   * time, and with a `TypeError` for text that is empty or has more than one line.
   */
  async publish(
    channel: Channel,
    data: string,
    options: { idempotencyKey?: string } = {},
  ): Promise<StreamPosition> {
    // Lines are what a frame is made of: this text would break its receivers, again on each recovery.
    if (data === '' || data.includes('\n')) throw new TypeError('data must be JSON on one line');
    const publishing = this.#broker.publish(channelKey(channel), data, {
      history: this.historyOf(channel),
      ...options,
    });
    return await withTimeout(
      publishing,
      this.limits.publishTimeoutMs,
      () =>
        new PublishTimeoutError(`The broker did not answer in ${this.limits.publishTimeoutMs} ms`),
    );
  }

  /** What a channel keeps; `null`: nothing. */
  historyOf({ target }: Channel): HistoryLimits | null {
    if (target.kind === 'user') return this.limits.userHistory;
    if (target.kind !== 'room') return this.limits.history;
    return this.rooms.historyOf(target.room);
  }

  /** Does this channel, by its key, keep any history? */
  keepsHistory(key: string): boolean {
    const channel = parseChannelKey(key);
    return channel !== null && this.historyOf(channel) !== null;
  }

  /** Resolves when every later publication of the channel will be delivered to the subscriber. */
  async subscribe(channel: string, subscriber: Subscriber): Promise<void> {
    this.hub.add(channel, subscriber);
    await this.#followHub(channel);
  }

  /** Takes effect on deliveries at once; the broker is told in the background. */
  unsubscribe(channel: string, subscriber: Subscriber): void {
    this.hub.remove(channel, subscriber);
    this.#followHub(channel).catch((error: unknown) => {
      this.log.warn('broker_unsubscribe_failed', { error: describeError(error) });
    });
  }

  /** Everything that a channel still keeps after an offset; `null` asks for the top alone. */
  async history(channel: string, afterOffset: number | null): Promise<History> {
    return await this.#broker.history(channel, afterOffset);
  }

  /** Is this the client id of a connection that this node holds for the same user and realm? */
  isConnectionOf(clientId: string, principal: Principal): boolean {
    return this.hub.isConnectionOf(clientId, principal);
  }

  /** Refuses new connections, then closes the others with 3001, spread at random (promise P13). */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { waitMs = 5_000, spreadMs = 15_000, deadlineMs = 25_000 } = options;
    this.#draining = true;
    const timers = [setTimeout(() => this.#terminateAll(), deadlineMs)];
    for (const connection of this.hub.connections) {
      const close = () => connection.close(disconnects.shutdown);
      timers.push(setTimeout(close, waitMs + Math.random() * spreadMs));
    }
    await this.hub.emptied();
    for (const timer of timers) clearTimeout(timer);
  }

  stats(): NodeStats {
    return {
      connections: this.hub.connections.size,
      unauthenticated: this.hub.unauthenticated,
      channels: this.hub.channels,
      isolationViolations: this.#isolationViolations,
    };
  }

  // One channel's broker subscription follows its first and last local subscriber. Changes of one
  // channel wait for each other, and each looks at the hub anew, so a last leave that races with a
  // new join ends in the state that the hub is in.
  async #followHub(channel: string): Promise<void> {
    const change = (this.#changes.get(channel) ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.#alignBroker(channel));
    this.#changes.set(channel, change);
    try {
      await change;
    } finally {
      if (this.#changes.get(channel) === change) this.#changes.delete(channel);
    }
  }

  async #alignBroker(channel: string): Promise<void> {
    const wanted = this.hub.has(channel);
    if (wanted === this.#announced.has(channel)) return;
    if (wanted) {
      await this.#broker.subscribe(channel);
      this.#announced.add(channel);
    } else {
      this.#announced.delete(channel);
      await this.#broker.unsubscribe(channel);
    }
  }

  #terminateAll(): void {
    for (const connection of this.hub.connections) connection.terminate();
  }

  #onPublication(channel: string, publication: Publication, epoch: string): void {
    this.hub.fanOut(channel, publication, epoch);
  }

  #onIsolationViolation(subscriber: Subscriber, channel: string): void {
    this.#isolationViolations += 1;
    this.log.error('isolation_violation', {
      client: subscriber.id,
      realm: describeRealm(subscriber.principal.realm),
      channel,
    });
  }
}
