import {
  type Broker,
  type BrokerListener,
  BrokerUnavailableError,
  type ClientInfo,
  type History,
  MemoryBroker,
  type PresenceChange,
  type Publication,
  type PublishOptions,
  type StreamPosition,
} from '@trunkline/server';

/** What the broker of one node is like. */
export interface SharedMemoryBrokerOptions {
  /** The longest that a command or an announcement is on its way. Default 0: one turn of the event loop. */
  readonly maxDelayMs?: number;
  /** A number from 0 up to 1; seed it to replay a run. */
  readonly random?: () => number;
}

/**
 * A test double: memory that several nodes of one process share, each through a broker of its own, which
 * can be cut off, be frozen and lose announcements. Commands of one broker are carried out in the order of
 * the calls, and announcements come in the order of the publications, as over one connection.
 */
export class SharedMemory {
  /** What is shared. */
  memory = new MemoryBroker();
  readonly #brokers = new Set<SharedMemoryBroker>();

  /** A broker for one node. */
  broker(options: SharedMemoryBrokerOptions = {}): SharedMemoryBroker {
    return new SharedMemoryBroker(this, options);
  }

  async join(broker: SharedMemoryBroker): Promise<void> {
    this.#brokers.add(broker);
    if (this.#brokers.size === 1) await this.#start();
  }

  async leave(broker: SharedMemoryBroker): Promise<void> {
    this.#brokers.delete(broker);
    if (this.#brokers.size === 0) await this.memory.stop();
  }

  /** All of it is forgotten, as if it began anew; the brokers notice nothing. */
  async flush(): Promise<void> {
    const channels = [...this.#brokers].flatMap((broker) => [...broker.subscribed]);
    await this.memory.stop();
    this.memory = new MemoryBroker();
    await this.#start();
    for (const channel of channels) await this.memory.subscribe(channel);
  }

  async #start(): Promise<void> {
    await this.memory.start({
      onPublication: (...announced) => {
        for (const each of this.#brokers) each.announce('onPublication', ...announced);
      },
      onPresenceChange: (...announced) => {
        for (const each of this.#brokers) each.announce('onPresenceChange', ...announced);
      },
    });
  }
}

/** One node's way to the shared memory. */
export class SharedMemoryBroker implements Broker {
  readonly isShared = true;
  /** What of the announcements gets lost on its way. */
  loses: (channel: string, publication: Publication) => boolean = () => false;
  /** How many have. */
  lost = 0;
  /** The channels that it announces. */
  readonly subscribed: Set<string> = new Set();
  readonly #shared: SharedMemory;
  readonly #maxDelayMs: number;
  readonly #random: () => number;
  #listener: BrokerListener = { onPublication: () => {} };
  #isCut = false;
  #thawed = Promise.resolve();
  /** Thaws it. */
  thaw: () => void = () => {};
  #lastCommand: Promise<unknown> = Promise.resolve();
  #lastAnnouncement = Promise.resolve();

  constructor(
    shared: SharedMemory,
    { maxDelayMs = 0, random = Math.random }: SharedMemoryBrokerOptions,
  ) {
    this.#shared = shared;
    this.#maxDelayMs = maxDelayMs;
    this.#random = random;
  }

  /** Cuts it off: commands fail, and what is announced meanwhile is lost. */
  cut(): void {
    this.#isCut = true;
  }

  /** It is there again. */
  mend(): void {
    this.#isCut = false;
    this.#listener.onResumed?.();
  }

  /** Nothing moves until `thaw`; then everything does. */
  freeze(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#thawed = promise;
    this.thaw = resolve;
  }

  announce(...[kind, channel, ...what]: Announced): void {
    if (!this.subscribed.has(channel)) return;
    const isLost =
      this.#isCut || (kind === 'onPublication' && this.loses(channel, what[0] as Publication));
    if (isLost) {
      this.lost += 1;
      return;
    }
    this.#lastAnnouncement = this.#inTurn(this.#lastAnnouncement, () => {
      const listen = this.#listener[kind] as ((...all: unknown[]) => void) | undefined;
      listen?.(channel, ...what);
    });
  }

  async #inTurn(before: Promise<void>, listen: () => void): Promise<void> {
    await before;
    await this.#onItsWay();
    listen();
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    await this.#shared.join(this);
  }

  async stop(): Promise<void> {
    this.thaw();
    await this.#shared.leave(this);
  }

  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    return await this.#command(() => this.#shared.memory.publish(channel, data, options));
  }

  async subscribe(channel: string): Promise<void> {
    await this.#command(async () => {
      this.subscribed.add(channel);
      await this.#shared.memory.subscribe(channel);
    });
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#command(async () => void this.subscribed.delete(channel));
  }

  async history(channel: string, afterOffset: number | null): Promise<History> {
    return await this.#command(() => this.#shared.memory.history(channel, afterOffset));
  }

  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    return await this.#command(() => this.#shared.memory.tops(channels));
  }

  async broadcast(channel: string, change: PresenceChange): Promise<void> {
    await this.#command(() => this.#shared.memory.broadcast(channel, change));
  }

  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    await this.#command(() => this.#shared.memory.addPresence(channel, info, ttlMs));
  }

  async removePresence(channel: string, clientId: string): Promise<void> {
    await this.#command(() => this.#shared.memory.removePresence(channel, clientId));
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return await this.#command(() => this.#shared.memory.presence(channel));
  }

  async addJoin(user: string, room: string): Promise<void> {
    await this.#command(() => this.#shared.memory.addJoin(user, room));
  }

  async removeJoin(user: string, room: string): Promise<void> {
    await this.#command(() => this.#shared.memory.removeJoin(user, room));
  }

  async joins(user: string): Promise<readonly string[]> {
    return await this.#command(() => this.#shared.memory.joins(user));
  }

  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    await this.#command(() => this.#shared.memory.revoke(subject, at, ttlMs));
  }

  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    return await this.#command(() => this.#shared.memory.revokedAt(subjects));
  }

  async #command<T>(carryOut: () => Promise<T>): Promise<T> {
    const earlier = this.#lastCommand;
    const running = (async () => {
      await Promise.allSettled([earlier]);
      await this.#onItsWay();
      if (this.#isCut) throw new BrokerUnavailableError('cut off');
      return await carryOut();
    })();
    this.#lastCommand = running;
    return await running;
  }

  async #onItsWay(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.#maxDelayMs === 0) setImmediate(resolve);
    else setTimeout(resolve, this.#random() * this.#maxDelayMs);
    await promise;
    await this.#thawed;
  }
}

type Announced =
  | ['onPublication', ...Parameters<BrokerListener['onPublication']>]
  | ['onPresenceChange', ...Parameters<NonNullable<BrokerListener['onPresenceChange']>>];
