import {
  describeRealm,
  isSameRealm,
  isTenantId,
  isUserId,
  parseRoomAddress,
  type Realm,
  type RoomAddress,
  tenantRealm,
} from '@trunkline/contract';
import type { Context } from './context.ts';

/** The call does not say which tenant it is for, and nothing around it does. */
export class TenantRequiredError extends Error {
  override readonly name = 'TenantRequiredError';
  readonly code = 'TENANT_REQUIRED';

  /** `remedy`: how a call of this method names a tenant itself. */
  constructor(
    method: string,
    remedy = `Write forTenant(tenantId).${method}(…) or pass { tenantId }`,
  ) {
    super(
      `${method} needs a tenant, and this code runs outside any tenant's context. ` +
        `${remedy}, or run the code inside ` +
        'runAs(principal, …). In an HTTP request the tenant comes from its principal; a timer or ' +
        'an event emitter that was set up elsewhere does not carry it.',
    );
  }
}

/** Code that acts for one tenant addressed another. */
export class CrossTenantError extends Error {
  override readonly name = 'CrossTenantError';
  readonly code = 'CROSS_TENANT';
  /** The method that was called. */
  readonly method: string;
  /** On whose behalf, and whom it addressed. */
  readonly from: Realm;
  readonly to: Realm;

  constructor(method: string, from: Realm, to: Realm) {
    super(
      `${method} was called on behalf of ${describeRealm(from)} and addresses ${describeRealm(to)}. ` +
        'If the platform itself does this, write runAsPlatform(() => …) around it.',
    );
    this.method = method;
    this.from = from;
    this.to = to;
  }
}

/** An id that addresses nobody: missing, empty, malformed or of the wrong kind. */
export class InvalidAddressError extends TypeError {
  override readonly name = 'InvalidAddressError';
  readonly code = 'INVALID_ADDRESS';
}

/** A call's options have a field that does not exist: a wish that would be ignored in silence. */
export class InvalidOptionsError extends TypeError {
  override readonly name = 'InvalidOptionsError';
  readonly code = 'INVALID_OPTIONS';
}

/** Refuses unknown options: `{ roles }` that nobody reads would send to everyone. */
export function checkOptions(method: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new InvalidOptionsError(
    `${method} takes the options ${known.join(', ')}, got ${unknown.join(', ')}`,
  );
}

/** The realm that a call names itself: checked, and never another tenant's by accident. */
export function namedRealm(method: string, tenantId: unknown, context?: Context): Realm {
  if (!isTenantId(tenantId)) {
    throw new InvalidAddressError(
      `${method} needs a tenant id (1 to 64 of A-Z a-z 0-9 _ -), got ${show(tenantId)}. It is never "everyone".`,
    );
  }
  const realm = tenantRealm(tenantId);
  const from = context?.principal?.realm;
  const mayReach = !from || from.kind === 'platform' || context.isPrivileged;
  if (!mayReach && !isSameRealm(from, realm)) throw new CrossTenantError(method, from, realm);
  return realm;
}

/** The realm of a call that names none: the ambient principal's. `remedy`: how it would name one. */
export function ambientRealm(method: string, context?: Context, remedy?: string): Realm {
  if (!context?.principal || context.isPrivileged) throw new TenantRequiredError(method, remedy);
  return context.principal.realm;
}

/** A user id as the caller may write it: a number counts as its digits. */
export function userIdOf(method: string, userId: unknown): string {
  const id = typeof userId === 'number' && Number.isFinite(userId) ? String(userId) : userId;
  if (isUserId(id)) return id;
  throw new InvalidAddressError(
    `${method} needs a user id (a string of 1 to 128 bytes), got ${show(userId)}. It is never "everyone".`,
  );
}

/** A room that users are in: not a role, which the principals bring along. */
export function roomOf(method: string, room: unknown): string {
  const address = typeof room === 'string' ? parseRoomAddress(room) : null;
  if (address?.kind === 'room') return address.room;
  throw new InvalidAddressError(
    `${method} needs a room (1 to 128 of A-Z a-z 0-9 _ . : -), got ${show(room)}. Who has a role (tenant:{id}:{role}) is said by their principal.`,
  );
}

/** A room as the server's API spells it. */
export function roomAddressOf(method: string, room: unknown): RoomAddress {
  const address = typeof room === 'string' ? parseRoomAddress(room) : null;
  if (address) return address;
  throw new InvalidAddressError(
    `${method} needs a room (1 to 128 of A-Z a-z 0-9 _ . : -), platform:{role} or tenant:{id}:{role}, got ${show(room)}.`,
  );
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 140)) : String(value);
}
