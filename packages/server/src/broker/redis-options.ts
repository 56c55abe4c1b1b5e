import { Redis, type RedisOptions } from 'ioredis';
import { consoleLog, harmlessLog, type Log } from '../log.ts';

/** A Redis Cluster: some of its nodes, of which the others are learnt. */
export interface RedisClusterConnection {
  readonly cluster: readonly RedisAddress[];
  /** For the connections to each of its nodes: password, TLS, … */
  readonly options?: RedisOptions;
  /** Where a node is reached that calls itself `host:port`. */
  readonly natMap?: Readonly<Record<string, RedisAddress>>;
}

/** Where a Redis is. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Options of the Redis engine. */
export interface RedisBrokerOptions {
  /**
   * A URL (`redis://…`, `rediss://…`), ioredis' own options (TLS; with `sentinels` and `name`: Sentinel),
   * or a Redis Cluster.
   */
  readonly connection: string | RedisOptions | RedisClusterConnection;
  /**
   * Where announcements are subscribed to, if that is another way to the same Redis: a proxy of their
   * own, for example. Not with a Redis Cluster. Default: `connection`.
   */
  readonly subscriberConnection?: string | RedisOptions;
  /**
   * What every key and channel in Redis begins with: 1 to 64 of `A-Z a-z 0-9 _ . : -`. One for each
   * environment: nodes of one prefix are one system.
   */
  readonly prefix: string;
  /**
   * `strict`: after a restart, a failover or a restore of Redis each stream begins a new life, so that
   * nobody takes other content for what was missed. `off`: a rollback of Redis may lose events in
   * silence; for a Redis that does not tell `INFO replication`. Default `strict`.
   */
  readonly epochFence?: 'strict' | 'off';
  /** Announce with sharded pub/sub (Redis 7)? Default: with a Redis Cluster. */
  readonly shardedPubSub?: boolean;
  /** Milliseconds that Redis may take for an answer. Default 2,000. */
  readonly commandTimeoutMs?: number;
  /** Milliseconds that an untouched stream keeps its epoch and offset. Default 7 days. */
  readonly streamTtlMs?: number;
  /** Commands that may wait for an answer; more are refused. Default 20,000. */
  readonly maxInFlight?: number;
  /** Bytes of commands that may wait for an answer; more are refused. Default 32 MiB. */
  readonly maxInFlightBytes?: number;
  /** Characters of one message from Redis; a larger one is dropped. Default 1 MiB. */
  readonly maxMessageLength?: number;
  /** Where it writes that Redis went and came. Default: the console. */
  readonly log?: Log;
}

/** How ioredis is to behave, whatever the app says. */
type EngineOptions = RedisOptions & { readonly replyMapping: 'legacy' };

/** Options with everything in its place. */
export interface RedisSettings {
  readonly redis: EngineOptions;
  /** For who subscribes. */
  readonly subscriber: EngineOptions;
  readonly cluster: RedisClusterConnection | null;
  readonly prefix: string;
  readonly isFenced: boolean;
  readonly isSharded: boolean;
  readonly commandTimeoutMs: number;
  readonly streamTtlMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
  readonly maxMessageLength: number;
  readonly log: Log;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;
const MAX_TIMEOUT_MS = 60 * 60 * 1000;
/** Longer than anybody waits, and still a time that Redis can add to its clock. */
const FOR_EVER_MS = 10 * 365 * DAY_MS;

/** Checks the options and fills in the defaults; throws a `TypeError` that says what is wrong. */
export function settingsOf(options: RedisBrokerOptions): RedisSettings {
  const { prefix, connection, subscriberConnection, epochFence = 'strict' } = options;
  requirePrefix(prefix);
  requireFence(epochFence);
  const times = requirePositive({
    commandTimeoutMs: options.commandTimeoutMs ?? 2_000,
    streamTtlMs: options.streamTtlMs ?? 7 * DAY_MS,
  });
  const counts = requireCounts({
    maxInFlight: options.maxInFlight ?? 20_000,
    maxInFlightBytes: options.maxInFlightBytes ?? 32 * MIB,
    maxMessageLength: options.maxMessageLength ?? MIB,
  });
  const cluster = clusterOf(options);
  const { commandTimeoutMs, streamTtlMs } = times;
  requireTimeout(commandTimeoutMs);
  const own = isCluster(connection) ? (connection.options ?? {}) : connection;
  return {
    ...counts,
    commandTimeoutMs,
    streamTtlMs: wholeMs(streamTtlMs),
    redis: connectionOptions(own, commandTimeoutMs),
    subscriber: connectionOptions(subscriberConnection ?? own, commandTimeoutMs),
    cluster,
    prefix,
    isFenced: epochFence === 'strict',
    isSharded: options.shardedPubSub ?? cluster !== null,
    log: harmlessLog(options.log ?? consoleLog),
  };
}

/** A time as Redis takes it. */
export function wholeMs(ms: number): number {
  return Math.ceil(Math.min(ms, FOR_EVER_MS));
}

function isCluster(
  connection: RedisBrokerOptions['connection'],
): connection is RedisClusterConnection {
  return typeof connection === 'object' && 'cluster' in connection;
}

function clusterOf({
  connection,
  subscriberConnection,
}: RedisBrokerOptions): RedisClusterConnection | null {
  if (!isCluster(connection)) return null;
  if (connection.cluster.length === 0) {
    throw new TypeError(
      'connection.cluster names at least one node, of which it learns the others',
    );
  }
  if (subscriberConnection === undefined) return connection;
  throw new TypeError(
    'subscriberConnection is not for a Redis Cluster: each node announces what is published to it',
  );
}

function requirePrefix(prefix: unknown): void {
  if (typeof prefix === 'string' && /^[A-Za-z0-9_.:-]{1,64}$/.test(prefix)) return;
  throw new TypeError(
    `prefix is 1 to 64 of A-Z a-z 0-9 _ . : - and names the environment, got ${JSON.stringify(prefix)}: try 'trunkline-production'`,
  );
}

function requireFence(epochFence: unknown): void {
  if (epochFence === 'strict' || epochFence === 'off') return;
  throw new TypeError(`epochFence is 'strict' or 'off', got ${JSON.stringify(epochFence)}`);
}

function requirePositive<T extends Record<string, number>>(numbers: T): T {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value > 0)) throw new TypeError(`${name} is a number above 0, got ${value}`);
  }
  return numbers;
}

function requireCounts<T extends Record<string, number>>(counts: T): T {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new TypeError(`${name} is a whole number above 0, got ${value}`);
  }
  return counts;
}

// Every call settles: without an end to the waiting none would, once Redis has frozen.
function requireTimeout(commandTimeoutMs: number): void {
  if (commandTimeoutMs <= MAX_TIMEOUT_MS) return;
  throw new TypeError(
    `commandTimeoutMs is at most ${MAX_TIMEOUT_MS} (an hour), got ${commandTimeoutMs}: what Redis does not answer must fail at some time`,
  );
}

// What the app says counts where it does not change how failures look: those are the engine's promise.
function connectionOptions(
  connection: string | RedisOptions,
  commandTimeoutMs: number,
): EngineOptions {
  const preferred: RedisOptions = {
    connectTimeout: commandTimeoutMs,
    sentinelCommandTimeout: commandTimeoutMs,
    maxLoadingRetryTime: 500,
  };
  const given =
    typeof connection === 'string'
      ? parsed(connection, preferred)
      : { ...preferred, ...connection };
  if (given.keyPrefix) {
    throw new TypeError(
      `keyPrefix of the connection is not used: give prefix: ${JSON.stringify(given.keyPrefix)}`,
    );
  }
  return {
    ...given,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    sentinelRetryStrategy: () => null,
    reconnectOnError: null,
    disconnectTimeout: 10,
    stringNumbers: false,
    replyMapping: 'legacy',
  };
}

// ioredis reads a URL only when it makes a connection of it; this one never connects.
function parsed(url: string, preferred: RedisOptions): RedisOptions {
  const { options } = new Redis(url, { ...preferred, lazyConnect: true, replyMapping: 'legacy' });
  return options;
}
