import { randomUUID } from 'node:crypto';
import { type Channel, channelKey, describeRealm, parseChannelKey } from '@trunkline/contract';
import { Admission } from './admission.ts';
import { Authentications } from './authentications.ts';
import {
  type Broker,
  type ClientInfo,
  type History,
  PublishTimeoutError,
  RateLimitedError,
  type StreamPosition,
} from './broker/broker.ts';
import { MemoryBroker } from './broker/memory.ts';
import { Connections } from './connections.ts';
import { Counters, type LimitName } from './counters.ts';
import { EmulatedSessions } from './emulated-sessions.ts';
import { disconnects } from './errors.ts';
import { EventLoopMonitor } from './event-loop.ts';
import { FanOut } from './fan-out.ts';
import { Following } from './following.ts';
import { Hub, type Subscriber } from './hub.ts';
import { type HistoryLimits, type Limits, resolveLimits } from './limits.ts';
import { consoleLog, describeError, harmlessLog, type Log, ThrottledLog } from './log.ts';
import type { DrainOptions, NodeOptions, NodePublishOptions } from './node-options.ts';
import { Patience } from './patience.ts';
import { Presences } from './presences.ts';
import type { Principal } from './principal.ts';
import { type Line, requireOneLine } from './protocol/line.ts';
import { ping } from './protocol/reply.ts';
import { Rooms } from './rooms.ts';
import type { RpcHandlers, SendHandler } from './rpc.ts';
import type { NodeStats } from './stats.ts';
import { Tenants } from './tenants.ts';
import { TimerWheel } from './timer-wheel.ts';
import { Turn } from './turn.ts';
import { Users } from './users.ts';

/** Does a node take newcomers, and if not, why? */
export type Readiness = 'starting' | 'ready' | 'overloaded' | 'draining';

/** One server process's real-time engine: hub and broker, and the rules between them. */
export class Node {
  readonly id: string = randomUUID();
  readonly limits: Limits;
  readonly log: Log;
  readonly counters: Counters = new Counters();
  readonly turn: Turn = new Turn();
  readonly wheel: TimerWheel = new TimerWheel();
  /** The same line for all its sessions. */
  readonly ping: Line = ping();
  readonly tenants: Tenants;
  readonly connections: Connections;
  readonly emulated: EmulatedSessions = new EmulatedSessions();
  readonly users: Users;
  readonly presences: Presences;
  readonly rooms: Rooms;
  readonly admission: Admission;
  readonly authentications: Authentications;
  readonly roomsOf: NonNullable<NodeOptions['roomsOf']>;
  readonly rpc: RpcHandlers | null;
  readonly onSend: SendHandler | null;
  readonly compactsChannels: boolean;
  readonly #broker: Broker;
  readonly #hub: Hub;
  readonly #fanOut: FanOut<Subscriber>;
  readonly #following: Following;
  readonly #publishes: Patience;
  readonly #eventLoop: EventLoopMonitor;
  readonly #throttledLog: ThrottledLog;
  #isStarted = false;
  #isDraining = false;

  constructor(options: NodeOptions) {
    const { authenticate, limitsFor = () => undefined } = options;
    this.limits = resolveLimits(options.limits);
    this.log = harmlessLog(options.log ?? consoleLog);
    this.#throttledLog = new ThrottledLog(this.log);
    this.#broker = options.broker ?? new MemoryBroker();
    this.roomsOf = options.roomsOf ?? (() => []);
    this.rpc = options.rpc ?? null;
    this.onSend = options.onSend ?? null;
    this.compactsChannels = options.channelCompaction ?? false;
    this.rooms = new Rooms(options.rooms ?? {}, this.limits.history);

    const onExceeded = (limit: LimitName, fields?: Record<string, unknown>) =>
      this.exceeded(limit, fields);
    const tenantOf: Tenants['of'] = (realm) => this.tenants.of(realm);
    this.tenants = new Tenants({
      limits: this.limits,
      limitsFor,
      onError: (error) => this.hookFailed('limitsFor', error),
      onExceeded,
    });
    this.connections = new Connections({ limits: this.limits, tenantOf, onExceeded });
    this.users = new Users(this.connections);
    this.admission = new Admission(this);
    this.authentications = new Authentications({ authenticate, limits: this.limits, onExceeded });
    this.presences = new Presences({
      broker: this.#broker,
      limits: this.limits,
      onError: (error) => this.#brokerFailed('presence', error),
    });
    this.#fanOut = new FanOut({
      slice: this.limits.fanOutSlice,
      onExceeded: (limit, { id }) => this.exceeded(limit, { tenant: id }),
    });
    this.#hub = new Hub({
      fanOut: this.#fanOut,
      tenantOf,
      onDelivered: () => this.counters.count('deliveries'),
      onPresenceDropped: () => this.counters.count('presenceChangesDropped'),
      onIsolationViolation: (subscriber, channel) => this.#violated(subscriber, channel),
    });
    this.#following = new Following(this.#broker, (channel) => this.#hub.has(channel));
    const { publishTimeoutMs } = this.limits;
    this.#publishes = new Patience({
      wheel: this.wheel,
      timeoutMs: publishTimeoutMs,
      onLate: () => new PublishTimeoutError(`The broker did not answer in ${publishTimeoutMs} ms`),
    });
    this.#eventLoop = new EventLoopMonitor({
      maxLagMs: this.limits.maxEventLoopLagMs,
      forMs: this.limits.maxEventLoopLagForMs,
    });
  }

  /** Does it take newcomers? */
  get readiness(): Readiness {
    if (this.#isDraining) return 'draining';
    if (!this.#isStarted) return 'starting';
    return this.#eventLoop.isOverloaded ? 'overloaded' : 'ready';
  }

  async start(): Promise<void> {
    await this.#broker.start(
      (channel, publication, epoch) => this.#hub.fanOut(channel, publication, epoch),
      (channel, change) => this.#hub.fanOutPresenceChange(channel, change),
    );
    this.tenants.start();
    this.presences.start();
    this.#eventLoop.start();
    this.#isStarted = true;
  }

  /** Destroys what is connected and, when every channel has been left, stops the broker. */
  async stop(): Promise<void> {
    this.#isDraining = true;
    this.#terminateAll();
    await this.connections.emptied();
    this.#fanOut.stop();
    this.#eventLoop.stop();
    await this.presences.stop();
    this.tenants.stop();
    await this.#following.settled();
    await this.#broker.stop();
  }

  /**
   * Publishes JSON text to a channel: on all nodes, kept in its history. Calls for one channel get
   * offsets in call order. Rejects with `RateLimitedError` when the channel's tenant publishes too
   * fast, with `PublishTimeoutError` when the broker does not answer in time, and with a `TypeError`
   * for text that is empty or has more than one line.
   */
  async publish(
    channel: Channel,
    data: string,
    { isFollowUp = false, ...options }: NodePublishOptions = {},
  ): Promise<StreamPosition> {
    requireOneLine(data);
    const key = channelKey(channel);
    if (isFollowUp) this.tenants.of(channel.realm).publishes.charge(1);
    else this.#checkRate(channel);
    const publishing = this.#broker.publish(key, data, {
      history: this.historyOf(channel),
      ...options,
    });
    try {
      const position = await this.#publishes.wait(publishing);
      this.counters.count('publications');
      return position;
    } catch (error) {
      this.counters.count('publicationsFailed');
      if (error instanceof PublishTimeoutError) this.exceeded('publishTimeoutMs');
      throw error;
    }
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

  /** What stands for a channel's name in compact pushes, while somebody here listens to it. */
  channelNumber(channel: string): number | undefined {
    return this.#hub.numberOf(channel);
  }

  /** Resolves when every later publication of the channel will be delivered to the subscriber. */
  async subscribe(channel: string, subscriber: Subscriber): Promise<void> {
    this.#hub.add(channel, subscriber);
    await this.#following.align(channel);
  }

  /** Takes effect on deliveries at once; the broker is told in the background. */
  unsubscribe(channel: string, subscriber: Subscriber): void {
    this.#hub.remove(channel, subscriber);
    this.#following.align(channel).catch((error: unknown) => {
      this.#brokerFailed('unsubscribe', error);
    });
  }

  /** Everything that a channel still keeps after an offset; `null` asks for the top alone. */
  async history(channel: string, afterOffset: number | null): Promise<History> {
    return await this.#broker.history(channel, afterOffset);
  }

  /** Who is present in a channel, in the order of their coming. */
  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return await this.#broker.presence(channel);
  }

  /** Resolves when the broker has answered, and rejects with the reason why it cannot. */
  async checkBroker(): Promise<void> {
    await this.#broker.presence(`check ${this.id}`); // no channel's key: nothing is made by asking
  }

  /** Is this the client id of a connection that this node holds for the same user and realm? */
  isConnectionOf(clientId: string, principal: Principal): boolean {
    return this.connections.isConnectionOf(clientId, principal);
  }

  /** Refuses new connections, then closes the others with 3001, spread at random (promise P13). */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { waitMs = 5_000, spreadMs = 15_000, deadlineMs = 25_000 } = options;
    this.#isDraining = true;
    const timers = [setTimeout(() => this.#terminateAll(), deadlineMs)];
    for (const connection of this.connections) {
      const close = () => connection.close(disconnects.shutdown);
      timers.push(setTimeout(close, waitMs + Math.random() * spreadMs));
    }
    await this.connections.emptied();
    for (const timer of timers) clearTimeout(timer);
  }

  /** A limit was exceeded: counted under its name, and said at most once a second. */
  exceeded(limit: LimitName, fields: Record<string, unknown> = {}): void {
    this.counters.limits[limit] += 1;
    this.#throttledLog.warn('limit_exceeded', limit, { limit, ...fields });
  }

  /** Somebody was refused for a reason that somebody should see: said at most once a second. */
  refused(message: string, fields: Record<string, unknown>): void {
    this.#throttledLog.warn(message, message, fields);
  }

  /** A hook of the app has thrown or was late. */
  hookFailed(hook: string, error: unknown, fields: Record<string, unknown> = {}): void {
    this.counters.count('hooksFailed');
    this.log.error('hook_failed', { hook, ...fields, error: describeError(error) });
  }

  stats(): NodeStats {
    const { counts, limits, disconnects: ended, errors } = this.counters;
    return {
      connections: this.connections.size,
      unauthenticated: this.connections.unauthenticated,
      httpConnections: this.emulated.size,
      subscriptions: this.#hub.subscriptions,
      channels: this.#hub.channels,
      tenants: this.tenants.size,
      eventLoopLagMs: this.#eventLoop.lagMs,
      counts: { ...counts },
      limits: { ...limits },
      disconnects: Object.fromEntries(ended),
      errors: Object.fromEntries(errors),
    };
  }

  #checkRate({ realm }: Channel): void {
    const tenant = this.tenants.of(realm);
    if (tenant.publishes.take()) return;
    this.exceeded('publishesPerSecond', { tenant: tenant.id });
    const { publishesPerSecond } = tenant.limits;
    throw new RateLimitedError(
      `Not published: ${describeRealm(realm)} publishes more than ${publishesPerSecond} times a second (limits.publishesPerSecond)`,
    );
  }

  #terminateAll(): void {
    for (const connection of this.connections) connection.terminate();
  }

  #brokerFailed(what: string, error: unknown): void {
    this.log.warn('broker_failed', { what, error: describeError(error) });
  }

  #violated(subscriber: Subscriber, channel: string): void {
    this.counters.count('isolationViolations');
    this.log.error('isolation_violation', {
      client: subscriber.id,
      realm: describeRealm(subscriber.principal.realm),
      channel,
    });
  }
}
