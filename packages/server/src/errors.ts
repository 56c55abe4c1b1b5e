// The two closed error tables of the protocol. A number's range tells a client what to do:
// errors fail one command; disconnects end the connection, 3000–3499 come back, 3500–3999 stay away.

import type { LimitName } from './counters.ts';

/** Fails one command. Sent as `{ id, error: { code, message, temporary? } }` (protocol, section 9). */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code: number;
  /** May the client try the same command again, with back-off? */
  readonly temporary: boolean;

  constructor(code: number, message: string, temporary = false) {
    super(message);
    if (!isIn(code, 100, 1999)) throw new RangeError(`An error's code is 100 to 1999, got ${code}`);
    this.code = code;
    this.temporary = temporary;
  }
}

/** Every error that this server answers a command with. */
export const protocolErrors: Readonly<Record<ProtocolErrorName, ProtocolError>> = {
  internal: new ProtocolError(100, 'internal server error', true),
  permissionDenied: new ProtocolError(103, 'permission denied'),
  methodNotFound: new ProtocolError(104, 'method not found'),
  alreadySubscribed: new ProtocolError(105, 'already subscribed'),
  limitExceeded: new ProtocolError(106, 'limit exceeded'),
  badRequest: new ProtocolError(107, 'bad request'),
  notAvailable: new ProtocolError(108, 'not available'),
  tokenExpired: new ProtocolError(109, 'token expired'),
  expired: new ProtocolError(110, 'expired'),
  tooManyRequests: new ProtocolError(111, 'too many requests', true),
  unrecoverable: new ProtocolError(112, 'unrecoverable position'),
};

type ProtocolErrorName =
  | 'internal'
  | 'permissionDenied'
  | 'methodNotFound'
  | 'alreadySubscribed'
  | 'limitExceeded'
  | 'badRequest'
  | 'notAvailable'
  | 'tokenExpired'
  | 'expired'
  | 'tooManyRequests'
  | 'unrecoverable';

/**
 * Ends a connection: the WebSocket's close code and reason (protocol, section 10).
 * A reason is plain words: one that parses as JSON (`1`, `true`) would be read as advice.
 */
export class Disconnect extends Error {
  override readonly name = 'Disconnect';
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string) {
    super(`${code} ${reason}`);
    // The WebSocket would throw on these only when it is told to close.
    if (!isIn(code, 3000, 4999)) {
      throw new RangeError(`A disconnect's code is 3000 to 4999, got ${code}`);
    }
    if (Buffer.byteLength(reason) > 123 || isJson(reason)) {
      throw new RangeError('A reason is plain words of at most 123 bytes and no JSON');
    }
    this.code = code;
    this.reason = reason;
  }
}

/** Does this thrown value end the connection? */
export function isDisconnect(error: unknown): error is Disconnect {
  return error instanceof Disconnect;
}

/** Every reason for which this server ends a connection. */
export const disconnects: Readonly<Record<DisconnectName, Disconnect>> = {
  connectionClosed: new Disconnect(3000, 'connection closed'),
  shutdown: new Disconnect(3001, 'shutdown'),
  internal: new Disconnect(3004, 'internal server error'),
  expired: new Disconnect(3005, 'connection expired'),
  subscriptionExpired: new Disconnect(3006, 'subscription expired'),
  slow: new Disconnect(3008, 'slow'),
  insufficientState: new Disconnect(3010, 'insufficient state'),
  forceReconnect: new Disconnect(3011, 'force reconnect'),
  noPong: new Disconnect(3012, 'no pong'),
  tooManyRequests: new Disconnect(3013, 'too many requests'),
  stateInvalidated: new Disconnect(3014, 'state invalidated'),
  invalidToken: new Disconnect(3500, 'invalid token'),
  badRequest: new Disconnect(3501, 'bad request'),
  stale: new Disconnect(3502, 'stale'),
  forceDisconnect: new Disconnect(3503, 'force disconnect'),
  connectionLimit: new Disconnect(3504, 'connection limit'),
  channelLimit: new Disconnect(3505, 'channel limit'),
  notAvailable: new Disconnect(3508, 'not available'),
  tooManyErrors: new Disconnect(3509, 'too many errors'),
};

type DisconnectName =
  | 'connectionClosed'
  | 'shutdown'
  | 'internal'
  | 'expired'
  | 'subscriptionExpired'
  | 'slow'
  | 'insufficientState'
  | 'forceReconnect'
  | 'noPong'
  | 'tooManyRequests'
  | 'stateInvalidated'
  | 'invalidToken'
  | 'badRequest'
  | 'stale'
  | 'forceDisconnect'
  | 'connectionLimit'
  | 'channelLimit'
  | 'notAvailable'
  | 'tooManyErrors';

/** Why a subscription ended: below 2500 for good, from there on the client subscribes again at once. */
export interface Unsubscribed {
  readonly code: number;
  readonly reason: string;
}

/** Every reason for which this server ends a subscription (protocol, section 10). */
export const unsubscribed: Readonly<Record<UnsubscribedName, Unsubscribed>> = {
  server: { code: 2000, reason: 'server unsubscribe' },
  insufficientState: { code: 2500, reason: 'insufficient state' },
  expired: { code: 2501, reason: 'subscription expired' },
};

type UnsubscribedName = 'server' | 'insufficientState' | 'expired';

/** Something would be more than a limit of the node, or of a tenant, lets it be. */
export class LimitExceededError extends Error {
  override readonly name = 'LimitExceededError';
  readonly code = 'LIMIT_EXCEEDED';
  readonly limit: LimitName;

  constructor(limit: LimitName, allowed: number) {
    super(`limits.${limit} allows ${allowed}, and there are as many: leave one first, or raise it`);
    this.limit = limit;
  }
}

/** Something was about to cross the wall between two realms: a bug of this server. */
export class IsolationViolationError extends Error {
  override readonly name = 'IsolationViolationError';
  readonly code = 'ISOLATION_VIOLATION';
}

function isIn(code: number, first: number, last: number): boolean {
  return Number.isInteger(code) && code >= first && code <= last;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
