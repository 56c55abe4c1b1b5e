/** How much of a channel's past is kept. What is outside any of the three is forgotten. */
export interface HistoryLimits {
  /** Publications kept per channel. */
  readonly size: number;
  /** Milliseconds after the last publication until all of them are dropped. */
  readonly ttlMs: number;
  /** Bytes of publication data kept per channel. */
  readonly maxBytes: number;
}

/** Every limit of a node. Each is an option; unlimited needs a literal `Infinity`. */
export interface Limits {
  /** Bytes of one message from a client; more closes with 1009. Default 64 KiB. */
  readonly maxMessageBytes: number;
  /** Fragments of one message from a client; more closes with 1008. Default 64. */
  readonly maxFragments: number;
  /** Bytes waiting for one client (our queue and the socket's); more closes with 3008. Default 1 MiB. */
  readonly maxQueuedBytes: number;
  /** Bytes of publications in one connect or subscribe reply; more is not recovered. Default 512 KiB. */
  readonly maxRecoveryBytes: number;
  /** Subscriptions of one connection, server-side ones included. Default 128. */
  readonly maxSubscriptions: number;
  /**
   * Commands of one connection that are not finished, in all no larger than four messages of the
   * greatest size; more closes with 3013. Default 256.
   */
  readonly maxPendingCommands: number;
  /** Sockets that may wait for their connect to be authenticated; more get 503. Default 1,000. */
  readonly maxUnauthenticated: number;
  /** Milliseconds that a socket may live before its connect command comes; then 3502. Default 5 s. */
  readonly connectDeadlineMs: number;
  /** Milliseconds between two pings. Default 25 s. */
  readonly pingIntervalMs: number;
  /** Milliseconds that a client has for its pong; then 3012. Default 8 s. */
  readonly pongTimeoutMs: number;
  /**
   * Milliseconds from a command's arrival to its answer, the app's hooks and the broker together:
   * a connect (`authenticate`, `roomsOf`, the joins) is then closed with 3004, a subscribe
   * (`authorize`, the join) gets error 100. Default 4 s: a stock client gives up on a command
   * after 5 s, and must hear of the failure before.
   */
  readonly hookTimeoutMs: number;
  /** Milliseconds that a send waits for the broker; then its receipt says `unknown`. Default 2 s. */
  readonly publishTimeoutMs: number;
  /** Bytes of one event as sent; more rejects with `PayloadTooLargeError`. Default 128 KiB. */
  readonly maxEventBytes: number;
  /** Bytes of one event from which on a warning is logged. Default 32 KiB. */
  readonly warnEventBytes: number;
  /** History of `@all`, role and room channels. Default 500 / 5 min / 512 KiB. */
  readonly history: HistoryLimits;
  /** History of `@user` channels. Default 100 / 5 min / 64 KiB. */
  readonly userHistory: HistoryLimits;
}

const KIB = 1024;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The limits of a node that was told none. */
export const defaultLimits: Limits = {
  maxMessageBytes: 64 * KIB,
  maxFragments: 64,
  maxQueuedBytes: 1024 * KIB,
  maxRecoveryBytes: 512 * KIB,
  maxSubscriptions: 128,
  maxPendingCommands: 256,
  maxUnauthenticated: 1_000,
  connectDeadlineMs: 5_000,
  pingIntervalMs: 25_000,
  pongTimeoutMs: 8_000,
  hookTimeoutMs: 4_000,
  publishTimeoutMs: 2_000,
  maxEventBytes: 128 * KIB,
  warnEventBytes: 32 * KIB,
  history: { size: 500, ttlMs: 5 * MINUTE_MS, maxBytes: 512 * KIB },
  userHistory: { size: 100, ttlMs: 5 * MINUTE_MS, maxBytes: 64 * KIB },
};

/** The defaults with some of them replaced. Throws a `RangeError` for limits that cannot work. */
export function resolveLimits(changes: Partial<Limits> = {}): Limits {
  const { history, userHistory, ...flat } = changes;
  const limits: Limits = {
    ...resolve('limits', defaultLimits, flat),
    history: resolveHistory('limits.history', defaultLimits.history, history),
    userHistory: resolveHistory('limits.userHistory', defaultLimits.userHistory, userHistory),
  };
  if (limits.pongTimeoutMs >= limits.pingIntervalMs) {
    throw new RangeError('limits.pongTimeoutMs must be smaller than limits.pingIntervalMs');
  }
  // It goes to the client, in seconds, who adds its own patience and sets a timer.
  if (limits.pingIntervalMs > HOUR_MS) {
    throw new RangeError('limits.pingIntervalMs must be at most an hour');
  }
  // A client that comes back sends its connect and all its subscribes in one frame.
  if (limits.maxPendingCommands < limits.maxSubscriptions + 1) {
    throw new RangeError('limits.maxPendingCommands must be above limits.maxSubscriptions');
  }
  // A reply at this limit must never trip the queue's own, or the client reconnects for ever.
  if (limits.maxRecoveryBytes > limits.maxQueuedBytes / 2) {
    throw new RangeError('limits.maxRecoveryBytes must be at most half of limits.maxQueuedBytes');
  }
  return limits;
}

/** A history's limits with some of them replaced. Throws a `RangeError` for what cannot work. */
export function resolveHistory(
  name: string,
  defaults: HistoryLimits,
  changes: Partial<HistoryLimits> = {},
): HistoryLimits {
  if (typeof changes !== 'object' || changes === null) {
    throw new RangeError(`${name} must be { size?, ttlMs?, maxBytes? }, got ${String(changes)}`);
  }
  return resolve(name, defaults, changes);
}

// A field that is there but `undefined` is as good as absent: so come options that are passed on.
function resolve<T extends object>(name: string, defaults: T, changes: Partial<T>): T {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  for (const [field, value] of given) {
    if (typeof value !== 'number' || !(value > 0)) {
      throw new RangeError(`${name}.${field} must be a number above 0, got ${String(value)}`);
    }
  }
  return { ...defaults, ...(Object.fromEntries(given) as Partial<T>) };
}
