import { describeRealm, isSameRealm, PLATFORM, type Realm, tenantRealm } from '@trunkline/contract';

/** Each is easy to take for another: a beginning of it, another case, or one of our own words. */
const TENANT_IDS = ['acme', 'acme-eu', 'ACME', 'platform', 'p', 't'];

/** The realms of a world: six tenants and the platform. */
export const REALMS: readonly Realm[] = [...TENANT_IDS.map(tenantRealm), PLATFORM];

/** The same in every realm. The last two look like names of channels. */
export const USER_IDS = ['ada', 'bob', 'ada/bob', '@all', 't.acme:u:ada'] as const;

export const ADMINS = 'admins';

/** Somebody: a user of a realm. */
export interface Person {
  readonly realm: Realm;
  readonly userId: string;
  readonly roles: readonly string[];
}

/** Somebody of the staff who has a support view of each tenant. */
export const SUPPORT_ID = 'support:ada';

/** Everybody, realm by realm: the same users in each, two of them admins, and in tenants the support. */
export const EVERYBODY: readonly Person[] = REALMS.flatMap((realm) => [
  ...USER_IDS.map((userId, index) => ({ realm, userId, roles: index < 2 ? [ADMINS] : [] })),
  ...(realm.kind === 'tenant' ? [{ realm, userId: SUPPORT_ID, roles: [] }] : []),
]);

/** The platform's staff member behind the support. */
export const STAFF: Person = personOf(PLATFORM, 'ada');

/** Throws for who does not exist. */
export function personOf(realm: Realm, userId: string): Person {
  const person = EVERYBODY.find((each) => each.userId === userId && isSameRealm(each.realm, realm));
  if (!person) throw new Error(`There is no ${userId} of ${describeRealm(realm)}`);
  return person;
}

/** The tenant's id; `''` is the platform. */
export function tenantIdOf(realm: Realm): string {
  return realm.kind === 'tenant' ? realm.tenantId : '';
}

/** Rooms by what their rules let clients do; every realm has all of them, by the same names. */
export const ROOMS = {
  /** Presence, joins and leaves, history, words of their members, typing. */
  open: ['chat:1', 'chat:2'],
  /** Opens to a subscription token. */
  tickets: ['ticket:1'],
  /** Deltas and channels by number; words that are any JSON. */
  documents: ['doc:1'],
  /** Nothing is kept. */
  fleeting: ['fleeting:1'],
  /** Only the server puts somebody in. */
  teams: ['team:1', 'team:2'],
} as const;

/** A room that exists in one realm alone. */
export function vaultOf(realm: Realm): string {
  return `vault:${tenantIdOf(realm) || '-'}`;
}
