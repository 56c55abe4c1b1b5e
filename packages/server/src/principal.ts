import type { IncomingHttpHeaders } from 'node:http';
import {
  isRealm,
  isRole,
  isSameRealm,
  isUserId,
  PLATFORM,
  type Realm,
  TENANT_HEADER,
  tenantRealm,
} from '@trunkline/contract';
import { infoText } from './protocol/client-info.ts';

/** Who a session or a request acts for. Every access decision reads only this. */
export interface Principal {
  /** The app's id of the user, unique in the realm; `''` is an anonymous principal. */
  readonly userId: string;
  /** The one tenant (or the platform) in which this principal acts. */
  readonly realm: Realm;
  /** Roles inside the realm: each is a channel that the principal is subscribed to. */
  readonly roles: readonly string[];
  /** When the principal ends, milliseconds since 1970. Default: never. */
  readonly expiresAt?: number;
  /**
   * When its credential was issued, milliseconds since 1970: what was issued up to a revocation does not
   * count any more. Default: unknown.
   */
  readonly issuedAt?: number;
  /**
   * What others may see of this connection, in presence and beside what it publishes: at most 2 KiB
   * of JSON.
   */
  readonly info?: unknown;
  /**
   * Whatever the app wants to find again in its hooks; never sent. One with `actingAs` is a support view
   * of a tenant (`supportView` makes them), and ends within 8 hours.
   */
  readonly claims?: unknown;
}

/** What is known of a connection or request before it is known who it acts for. */
export interface Handshake {
  readonly headers: IncomingHttpHeaders;
  /** Path and query of the upgrade or the request. */
  readonly url: string;
  /** The connect command's token, or an HTTP request's bearer token. */
  readonly token?: string;
  /** The connect command's `data`, e.g. `{ tenantId }` of a page that works in one of several. */
  readonly data?: unknown;
  readonly remoteAddress: string;
}

/**
 * Says who a handshake acts for. `null` refuses it for good (disconnect 3500: the client stays
 * away). Throwing means "cannot tell now" (3004: it comes back): an outage of the user database
 * must not log everybody out. `protocolErrors.tokenExpired` thrown makes the client fetch a new token
 * and come back with it.
 *
 * Where the connect command brought a token and the principal has an `expiresAt`, it is asked again,
 * with the same handshake and the new token, when the client refreshes.
 */
export type Authenticate = (handshake: Handshake) => Principal | null | Promise<Principal | null>;

/**
 * The tenant that the page says it works in: from the connect's data, or the header of an HTTP request;
 * `null`: it does not say. A wish, not a proof: whatever it is, look whether the user is a member.
 */
export function requestedTenant({ headers, data }: Handshake): string | null {
  const { tenantId } = (data ?? {}) as { tenantId?: unknown };
  const asked = tenantId ?? headers[TENANT_HEADER] ?? null;
  // Of another type it is no tenant's id, and must not look as if there were none.
  return asked === null || typeof asked === 'string' ? asked : JSON.stringify(asked);
}

/**
 * Says what a principal is by now: the same user in the same realm, with the roles of this moment. `null`
 * ends the connection for good (3503). Throwing means "cannot tell now". An `expiresAt` or `issuedAt` that
 * it does not give stays as it was, and a support view (`claims.actingAs`) stays one.
 */
export type Reauthorize = (principal: Principal) => Principal | null | Promise<Principal | null>;

/**
 * Checks what an app's hook returned and gives a frozen copy: what a session acts for must not
 * change under it, and what the app keeps beside a realm's id must not reach the client. Throws a
 * `TypeError` that names the wrong field.
 */
export function checkPrincipal(value: Principal): Principal {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`A principal is an object, got ${typeof value}`);
  }
  const { userId, realm, roles, expiresAt, issuedAt, info } = value;
  if (userId !== '' && !isUserId(userId)) throw wrong('userId', 'a string of at most 128 bytes');
  if (!isRealm(realm)) {
    throw wrong(
      'realm',
      "{ kind: 'tenant', tenantId } or { kind: 'platform' }: no tenant is an error",
    );
  }
  if (!Array.isArray(roles) || !roles.every(isRole)) throw wrong('roles', 'an array of role names');
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw wrong('expiresAt', 'milliseconds since 1970');
  }
  if (issuedAt !== undefined && !Number.isFinite(issuedAt)) {
    throw wrong('issuedAt', 'milliseconds since 1970');
  }
  const problem = supportViewProblem(value);
  if (problem) throw new TypeError(problem);
  const text = infoText(info);
  return Object.freeze({
    ...value,
    ...(text === undefined ? {} : { info: JSON.parse(text) as unknown }),
    userId,
    realm: realm.kind === 'tenant' ? Object.freeze(tenantRealm(realm.tenantId)) : PLATFORM,
    roles: Object.freeze([...roles]),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
}

/** The longest that a support view may last, in milliseconds: 8 hours. */
export const MAX_SUPPORT_VIEW_MS: number = 8 * 3_600_000;

/**
 * What `reauthorize` has answered, checked: a principal that has no newer credential than before, whatever was
 * left out. Throws a `TypeError` for somebody else.
 */
export function checkSuccessor(before: Principal, answer: Principal): Principal {
  const { issuedAt = before.issuedAt, expiresAt = before.expiresAt } = answer;
  const now = checkPrincipal({
    ...answer,
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  });
  const isSame =
    now.userId === before.userId &&
    isSameRealm(now.realm, before.realm) &&
    actingAsOf(now)?.userId === actingAsOf(before)?.userId;
  if (isSame) return now;
  throw new TypeError(
    'reauthorize must give the same user in the same realm, with the same claims.actingAs, or null',
  );
}

/** Who of the platform's staff a support view stands for. */
export interface ActingAs {
  readonly userId: string;
  readonly realm: Realm;
  /** When their own credential was issued, milliseconds since 1970: its revocation ends the view, too. */
  readonly issuedAt?: number;
}

/** Whose support view it is; `undefined`: it is none. */
export function actingAsOf({ claims }: Principal): ActingAs | undefined {
  const { actingAs } = (claims ?? {}) as { actingAs?: ActingAs | null };
  return actingAs ?? undefined;
}

/** The same principal with another end, `null`: none. A support view ends when it was to end anyway. */
export function endingAt(principal: Principal, until: number | null): Principal {
  const { expiresAt: before = Infinity, ...others } = principal;
  const wished = until ?? Infinity;
  const expiresAt = actingAsOf(principal) ? Math.min(wished, before) : wished;
  return Object.freeze(expiresAt === Infinity ? others : { ...others, expiresAt });
}

/** What is wrong with a support view; `null`: nothing, or it is none. */
export function supportViewProblem(principal: Principal): string | null {
  const actingAs = actingAsOf(principal);
  if (actingAs === undefined) return null;
  const { realm, expiresAt = Infinity } = principal;
  if (
    !isUserId(actingAs.userId) ||
    !isRealm(actingAs.realm) ||
    actingAs.realm.kind !== 'platform' ||
    !Number.isFinite(actingAs.issuedAt ?? 0)
  ) {
    return "A principal's claims.actingAs must be { userId, realm: { kind: 'platform' }, issuedAt? }: its staff member";
  }
  if (realm.kind === 'platform') {
    return 'A principal with claims.actingAs is a support view of a tenant: its realm must be one';
  }
  return expiresAt <= Date.now() + MAX_SUPPORT_VIEW_MS
    ? null
    : 'A principal with claims.actingAs must have an expiresAt within 8 hours from now';
}

function wrong(field: string, expected: string): TypeError {
  return new TypeError(`The principal's ${field} must be ${expected}`);
}
