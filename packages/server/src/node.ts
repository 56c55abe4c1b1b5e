import { randomUUID } from 'node:crypto';
import { type Channel, type MemberList, parseChannelKey } from '@trunkline/contract';
import { Admission } from './admission.ts';
import { Attendance } from './attendance.ts';
import { type AuditEntry, AuditTrail } from './audit.ts';
import { pinoAudit } from './audit-pino.ts';
import { Authentications } from './authentications.ts';
import type { Broker, ClientInfo, History, StreamPosition } from './broker/broker.ts';
import { MemoryBroker } from './broker/memory.ts';
import { Channels } from './channels.ts';
import { Cluster } from './cluster/cluster.ts';
import { Connections } from './connections.ts';
import { Counters, type LimitName } from './counters.ts';
import { Draining } from './draining.ts';
import { EmulatedSessions } from './emulated-sessions.ts';
import { disconnects } from './errors.ts';
import { EventLoopMonitor } from './event-loop.ts';
import { FanOut } from './fan-out.ts';
import { Hub, type Subscriber } from './hub.ts';
import { IsolationAlarm } from './isolation-alarm.ts';
import type { HistoryLimits, Limits, TenantLimits } from './limits.ts';
import { consoleLog, describeError, harmlessLog, type Log, ThrottledLog } from './log.ts';
import { membersOf } from './members.ts';
import type { DrainOptions, NodeOptions, NodePublishOptions } from './node-options.ts';
import { Presences } from './presences.ts';
import type { Principal, Reauthorize } from './principal.ts';
import type { Line } from './protocol/line.ts';
import { ping } from './protocol/reply.ts';
import { Publisher } from './publisher.ts';
import { resolveLimits } from './resolve-limits.ts';
import { Rooms } from './rooms.ts';
import { checkHandlers, OwnMethods, type RpcHandlers, type SendHandler } from './rpc.ts';
import type { NodeStats } from './stats.ts';
import { type Quota, Tenants } from './tenants.ts';
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
  readonly cluster: Cluster;
  readonly emulated: EmulatedSessions;
  readonly users: Users;
  readonly presences: Presences;
  readonly attendance: Attendance;
  readonly rooms: Rooms;
  readonly alarm: IsolationAlarm;
  readonly admission: Admission;
  readonly authentications: Authentications;
  readonly roomsOf: NonNullable<NodeOptions['roomsOf']>;
  readonly reauthorize: Reauthorize | null;
  readonly rpc: RpcHandlers | null;
  /** For other packages of Trunkline. */
  readonly ownMethods: OwnMethods = new OwnMethods();
  readonly onSend: SendHandler | null;
  readonly compactsChannels: boolean;
  readonly #broker: Broker;
  readonly #hub: Hub;
  readonly #fanOut: FanOut<Subscriber>;
  readonly #channels: Channels;
  readonly #publisher: Publisher;
  readonly #eventLoop: EventLoopMonitor;
  readonly #throttledLog: ThrottledLog;
  readonly #audit: AuditTrail;
  readonly #draining = new Draining();
  #isStarted = false;

  constructor(options: NodeOptions) {
    const { authenticate, limitsFor = () => undefined } = options;
    this.limits = resolveLimits(options.limits);
    this.log = harmlessLog(options.log ?? consoleLog);
    this.#throttledLog = new ThrottledLog(this.log);
    this.#audit = new AuditTrail(this.id, options.audit ?? pinoAudit(), this.log);
    this.#broker = options.broker ?? new MemoryBroker();
    this.roomsOf = options.roomsOf ?? (() => []);
    this.reauthorize = options.reauthorize ?? null;
    this.rpc = checkHandlers(options.rpc);
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
    const onQuota: Node['quotaExceeded'] = (limit, who) => this.quotaExceeded(limit, who);
    this.connections = new Connections({ limits: this.limits, tenantOf, onExceeded: onQuota });
    this.admission = new Admission(this);
    this.authentications = new Authentications({ authenticate, limits: this.limits, onExceeded });
    this.cluster = new Cluster(this, this.#broker);
    this.emulated = new EmulatedSessions(this);
    this.users = new Users(this, this.#broker);
    const { maxPresenceClients: maxMembers } = this.limits;
    this.attendance = new Attendance({ broker: this.#broker, maxMembers });
    this.presences = new Presences({
      broker: this.#broker,
      limits: this.limits,
      onChanged: (channel) => this.attendance.changed(channel),
      onError: (error) => this.#brokerFailed('presence', error),
    });
    this.#fanOut = new FanOut({
      slice: this.limits.fanOutSlice,
      onExceeded: (limit, { realm }) => onQuota(limit, { realm }),
    });
    this.alarm = new IsolationAlarm(this, options.onIsolationViolation);
    this.#hub = this.#newHub();
    this.#channels = new Channels({
      broker: this.#broker,
      hub: this.#hub,
      leave: this.cluster,
      counters: this.counters,
      gapCheckMs: this.limits.gapCheckMs,
      keepsHistory: (channel) => this.keepsHistory(channel),
      onError: (what, error) => this.#brokerFailed(what, error),
    });
    this.#publisher = new Publisher(this, this.#broker);
    this.#eventLoop = new EventLoopMonitor({
      maxLagMs: this.limits.maxEventLoopLagMs,
      forMs: this.limits.maxEventLoopLagForMs,
    });
  }

  /** Does it take newcomers? */
  get readiness(): Readiness {
    if (this.#draining.hasBegun) return 'draining';
    if (!this.#isStarted) return 'starting';
    return this.#eventLoop.isOverloaded ? 'overloaded' : 'ready';
  }

  async start(): Promise<void> {
    await this.#broker.start({
      onPublication: (...announced) => this.#channels.announced(...announced),
      onPresenceChange: (channel, change) => {
        this.attendance.changed(channel);
        this.#channels.presenceChanged(channel, change);
      },
      onResumed: () => {
        this.#channels.resumed();
        this.cluster.resumed();
      },
    });
    this.#channels.start();
    try {
      await this.cluster.start(this.#channels);
    } catch (error) {
      await Promise.allSettled([this.#channels.stop(), this.#broker.stop()]);
      throw error;
    }
    this.tenants.start();
    this.presences.start();
    this.#eventLoop.start();
    this.#isStarted = true;
  }

  /** Destroys what is connected and, when every channel has been left, stops the broker. */
  async stop(): Promise<void> {
    this.beginDrain();
    this.#terminateAll();
    await this.connections.emptied();
    this.#fanOut.stop();
    this.#eventLoop.stop();
    await this.presences.stop();
    this.tenants.stop();
    await this.cluster.stop(this.#channels);
    await this.#channels.stop();
    await this.#broker.stop();
    this.#audit.stop();
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
    options: NodePublishOptions = {},
  ): Promise<StreamPosition> {
    return await this.#publisher.publish(channel, data, options);
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

  /**
   * Resolves when every later publication of the channel will be delivered to the subscriber. Rejects
   * with a `LimitExceededError` for one room more than its tenant may have (`maxRoomsPerTenant`).
   */
  async subscribe(channel: string, subscriber: Subscriber): Promise<void> {
    await this.#channels.subscribe(channel, subscriber);
  }

  /** Takes effect on deliveries at once; the broker is told in the background. */
  unsubscribe(channel: string, subscriber: Subscriber): void {
    this.#channels.unsubscribe(channel, subscriber);
  }

  /** Everything that a channel still keeps after an offset; `null` asks for the top alone. */
  async history(channel: string, afterOffset: number | null): Promise<History> {
    return await this.#channels.history(channel, afterOffset);
  }

  /** Who is present in a channel, in the order of their coming. */
  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return await this.attendance.clients(channel);
  }

  /**
   * Who is in a channel now: its users, however many connections they are here with. Nobody where the
   * room's rule has no `presence`.
   */
  async members(channel: Channel): Promise<MemberList> {
    return membersOf(await this.presence(this.alarm.keyOf(channel)));
  }

  /** Resolves when the broker has answered, and rejects with the reason why it cannot. */
  async checkBroker(): Promise<void> {
    await this.#broker.presence(`check ${this.id}`); // no channel's key: nothing is made by asking
  }

  /** Is this the client id of a connection that this node holds for the same user and realm? */
  isConnectionOf(clientId: string, principal: Principal): boolean {
    return this.connections.isConnectionOf(clientId, principal);
  }

  /**
   * Refuses new connections from now on, and says so in `readiness`; the others stay until `drain`. Returns
   * for how many milliseconds it has done so.
   */
  beginDrain(): number {
    return this.#draining.begin();
  }

  /** Closes all connections with 3001, spread at random (promise P13). Its times count from `beginDrain`. */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { waitMs, spreadMs, deadlineMs } = this.#draining.timesLeft(options);
    const timers = [...this.connections].map((connection) => {
      const close = () => connection.close(disconnects.shutdown);
      return setTimeout(close, waitMs + Math.random() * spreadMs);
    });
    timers.push(setTimeout(() => this.#terminateAll(), deadlineMs));
    await this.connections.emptied();
    for (const timer of timers) clearTimeout(timer);
  }

  /** A limit was exceeded: counted under its name, and said at most once a second. */
  exceeded(limit: LimitName, fields: Record<string, unknown> = {}): void {
    this.counters.limits[limit] += 1;
    this.#throttledLog.warn('limit_exceeded', limit, { limit, ...fields });
  }

  /** A tenant has come to a limit of its own: counted and said as the others, and put on record. */
  quotaExceeded(limit: keyof TenantLimits, who: Quota): void {
    const { realm, clientId } = who;
    const client = clientId === undefined ? {} : { client: clientId };
    this.exceeded(limit, { tenant: realm.kind === 'tenant' ? realm.tenantId : null, ...client });
    this.audit({ action: 'quota-exceeded', outcome: 'denied', reason: limit, ...who });
  }

  /** Puts something on record, at most once a second what is the same. Never throws. */
  audit(entry: AuditEntry): void {
    this.#audit.record(entry);
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
    return {
      ...this.counters.snapshot,
      connections: this.connections.size,
      unauthenticated: this.connections.unauthenticated,
      httpConnections: this.emulated.size,
      subscriptions: this.#hub.subscriptions,
      channels: this.#hub.channels,
      tenants: this.tenants.size,
      nodes: this.cluster.size,
      eventLoopLagMs: this.#eventLoop.lagMs,
      broker: this.#broker.stats?.() ?? null,
    };
  }

  #newHub(): Hub {
    return new Hub({
      fanOut: this.#fanOut,
      tenantOf: (realm) => this.tenants.of(realm),
      onDelivered: () => this.counters.count('deliveries'),
      onPresenceDropped: () => this.counters.count('presenceChangesDropped'),
      onRoomRefused: ({ id, principal: { realm, userId } }, room) =>
        this.quotaExceeded('maxRoomsPerTenant', { realm, userId, clientId: id, room }),
      onIsolationViolation: (subscriber, channel) => this.alarm.raise(subscriber, channel),
    });
  }

  #terminateAll(): void {
    for (const connection of this.connections) connection.terminate();
  }

  #brokerFailed(what: string, error: unknown): void {
    this.log.warn('broker_failed', { what, error: describeError(error) });
  }
}
