import { isTenantId, PLATFORM, type Realm, tenantRealm } from './realm.ts';

/** Whom a channel reaches inside its realm. */
export type Target =
  | { readonly kind: 'user'; readonly userId: string }
  | { readonly kind: 'all' }
  | { readonly kind: 'role'; readonly role: string }
  | { readonly kind: 'room'; readonly room: string };

/** A named stream of publications: a target inside a realm. */
export interface Channel {
  readonly realm: Realm;
  readonly target: Target;
}

const ROLE = /^[A-Za-z0-9_-]{1,64}$/;
const ROOM = /^[A-Za-z0-9_.:-]{1,128}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const MAX_USER_ID_BYTES = 128;

/** Is this a user id: any well-formed, non-empty string of at most 128 UTF-8 bytes? */
export function isUserId(id: unknown): id is string {
  if (typeof id !== 'string' || id === '' || id.length > MAX_USER_ID_BYTES) return false;
  // No UTF-16 unit becomes more than three bytes: most ids are short enough without counting.
  const isShort = id.length * 3 <= MAX_USER_ID_BYTES || utf8Length(id) <= MAX_USER_ID_BYTES;
  return isShort && !LONE_SURROGATE.test(id);
}

/** Is this a role: 1 to 64 of `A-Z a-z 0-9 _ -`? */
export function isRole(role: unknown): role is string {
  return typeof role === 'string' && ROLE.test(role);
}

/** Is this a room name: 1 to 128 of `A-Z a-z 0-9 _ . : -`? */
export function isRoom(room: unknown): room is string {
  return typeof room === 'string' && ROOM.test(room);
}

/**
 * The broker's key of a channel: `t.acme:u:42`, `t.acme:a`, `t.acme:r:admins`, `t.acme:c:chat:42`,
 * and `p:…` on the platform. Injective: two channels never share a key, because the realm and the
 * kind end at the first two colons and the last part is either a pattern without surprises or
 * percent-encoded. This is the only place that builds keys; `parseChannelKey` the only one that
 * reads them. Throws a `TypeError` for a malformed id.
 */
export function channelKey({ realm, target }: Channel): string {
  const prefix = realm.kind === 'platform' ? 'p' : `t.${checkedTenantId(realm.tenantId)}`;
  switch (target.kind) {
    case 'all':
      return `${prefix}:a`;
    case 'user':
      return `${prefix}:u:${encodeURIComponent(checked(isUserId, 'user id', target.userId))}`;
    case 'role':
      return `${prefix}:r:${checked(isRole, 'role', target.role)}`;
    case 'room':
      return `${prefix}:c:${checked(isRoom, 'room', target.room)}`;
  }
}

/**
 * Is this the key of a channel of that realm? Looked up in the key as it is, and not built anew: the
 * wall's second opinion on what `channelKey` has made.
 */
export function isKeyIn(key: string, realm: Realm): boolean {
  return key.startsWith(realm.kind === 'platform' ? 'p:' : `t.${realm.tenantId}:`);
}

/** The channel of a key; `null` for anything that `channelKey` does not build. */
export function parseChannelKey(key: string): Channel | null {
  const match = /^(p|t\.([A-Za-z0-9_-]{1,64})):([aurc])(?::(.*))?$/s.exec(key);
  if (!match) return null;
  const realm = match[2] === undefined ? PLATFORM : tenantRealm(match[2]);
  const target = parseTarget(match[3] ?? '', match[4]);
  if (!target) return null;
  const channel = { realm, target };
  return channelKey(channel) === key ? channel : null;
}

/** What a client calls a channel of its own realm: `@user`, `@all`, `@role:admins`, `chat:42`. */
export function wireName(target: Target): string {
  switch (target.kind) {
    case 'user':
      return '@user';
    case 'all':
      return '@all';
    case 'role':
      return `@role:${target.role}`;
    case 'room':
      return target.room;
  }
}

/** A room as a service names it: a plain room of the ambient realm, or a role with its realm. */
export type RoomAddress =
  | { readonly kind: 'room'; readonly room: string }
  | { readonly kind: 'role'; readonly realm: Realm; readonly role: string };

/**
 * Reads a room's name as the *server's* API understands it: `platform:{role}` and
 * `tenant:{id}:{role}` address roles, everything else is the app's own room. Both prefixes are
 * reserved: a malformed name behind them (`tenant::admins`) gives `null`, never a room.
 */
export function parseRoomAddress(name: string): RoomAddress | null {
  if (!isRoom(name)) return null;
  if (!isReservedRoom(name)) return { kind: 'room', room: name };
  const [head, ...rest] = name.split(':');
  const role = rest.pop();
  if (!isRole(role)) return null;
  if (head === 'platform')
    return rest.length === 0 ? { kind: 'role', realm: PLATFORM, role } : null;
  const [tenantId] = rest;
  if (rest.length !== 1 || !isTenantId(tenantId)) return null;
  return { kind: 'role', realm: tenantRealm(tenantId), role };
}

/** Is this spelling the server's own (`platform:…`, `tenant:…`)? Clients are refused it. */
export function isReservedRoom(name: string): boolean {
  return name.startsWith('platform:') || name.startsWith('tenant:');
}

function parseTarget(kind: string, rest: string | undefined): Target | null {
  if (kind === 'a') return rest === undefined ? { kind: 'all' } : null;
  if (rest === undefined) return null;
  if (kind === 'r') return isRole(rest) ? { kind: 'role', role: rest } : null;
  if (kind === 'c') return isRoom(rest) ? { kind: 'room', room: rest } : null;
  const userId = decodeUserId(rest);
  return isUserId(userId) ? { kind: 'user', userId } : null;
}

function decodeUserId(encoded: string): string | null {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return null;
  }
}

function checked(is: (id: unknown) => id is string, what: string, id: string): string {
  if (!is(id)) throw new TypeError(`Not a ${what}: ${JSON.stringify(id)}`);
  return id;
}

function checkedTenantId(tenantId: string): string {
  return checked(isTenantId, 'tenant id', tenantId);
}

function utf8Length(text: string): number {
  return encodeURIComponent(text).replace(/%../g, '.').length;
}
