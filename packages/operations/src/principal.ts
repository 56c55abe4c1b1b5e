import { PLATFORM, type Realm, tenantRealm } from '@trunkline/contract';

/** Whom an operation belongs to, and on whose behalf its work runs. */
export interface OperationPrincipal {
  readonly userId: string;
  readonly realm: Realm;
  readonly roles: readonly string[];
}

/** The two columns that a realm is kept in. */
export function realmColumns(realm: Realm): { realm: Realm['kind']; tenantId: string } {
  return { realm: realm.kind, tenantId: realm.kind === 'tenant' ? realm.tenantId : '' };
}

/** The realm that the two columns stand for. */
export function realmOfColumns(realm: string, tenantId: string): Realm {
  return realm === 'platform' ? PLATFORM : tenantRealm(tenantId);
}
