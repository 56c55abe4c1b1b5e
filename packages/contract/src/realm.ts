/**
 * The wall: every principal and every channel belongs to exactly one realm.
 * There is no "no tenant": a missing tenant is an error, never the platform.
 */
export type Realm =
  | { readonly kind: 'tenant'; readonly tenantId: string }
  | { readonly kind: 'platform' };

/** The platform's realm: the staff's own plane. */
export const PLATFORM: Realm = Object.freeze({ kind: 'platform' });

const TENANT_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Is this a tenant id: 1 to 64 of `A-Z a-z 0-9 _ -`? */
export function isTenantId(id: unknown): id is string {
  return typeof id === 'string' && TENANT_ID.test(id);
}

/** The realm of a tenant. Throws a `TypeError` for anything that is no tenant id. */
export function tenantRealm(tenantId: string): Realm {
  if (!isTenantId(tenantId)) {
    throw new TypeError(
      `A tenant id is 1 to 64 characters of A-Z a-z 0-9 _ -, got ${JSON.stringify(tenantId)}`,
    );
  }
  return { kind: 'tenant', tenantId };
}

/** Is this value, of unknown origin, a well-formed realm? */
export function isRealm(value: unknown): value is Realm {
  if (typeof value !== 'object' || value === null) return false;
  const realm = value as { kind?: unknown; tenantId?: unknown };
  return realm.kind === 'platform' || (realm.kind === 'tenant' && isTenantId(realm.tenantId));
}

/** Are these the same realm? */
export function isSameRealm(a: Realm, b: Realm): boolean {
  if (a.kind === 'platform' || b.kind === 'platform') return a.kind === b.kind;
  return a.tenantId === b.tenantId;
}

/** A realm in words, for logs and errors: `tenant acme`, `the platform`. */
export function describeRealm(realm: Realm): string {
  return realm.kind === 'platform' ? 'the platform' : `tenant ${realm.tenantId}`;
}
