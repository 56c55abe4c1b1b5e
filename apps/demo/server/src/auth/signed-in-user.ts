import type { Realm } from '@trunkline/contract';
import type { Principal } from '@trunkline/server';
import type { UserRole } from '@/infrastructure/database/schema';
import type { Account, Membership } from './account.ts';
import { actingAs } from './support-views.ts';

/** The signed-in user, as `POST /api/auth/login` and `GET /api/auth/me` answer it. */
export interface SignedInUser {
  id: string;
  email: string;
  name: string;
  /** In the tenant that this request acts in; who only looks into it is a viewer. */
  role: UserRole;
  realm: Realm;
  /** The realm's tenant; `null` for the platform's staff. */
  tenantId: string | null;
  /** Where they may act. */
  tenants: readonly Membership[];
  /** The member of the staff whose support view this is, and until when (ISO 8601). */
  actingAs?: { userId: string; reason: string; expiresAt: string };
}

export function signedInUser(account: Account, principal: Principal): SignedInUser {
  const { user, memberships } = account;
  const { userId: id, realm, expiresAt = 0 } = principal;
  const tenantId = realm.kind === 'tenant' ? realm.tenantId : null;
  const staff = actingAs(principal);
  return {
    id,
    email: user.email,
    name: user.name,
    role: roleIn(account, tenantId),
    realm,
    tenantId,
    tenants: memberships,
    ...(staff ? { actingAs: { ...staff, expiresAt: new Date(expiresAt).toISOString() } } : {}),
  };
}

function roleIn({ user, memberships }: Account, tenantId: string | null): UserRole {
  return memberships.find(({ id }) => id === tenantId)?.role ?? user.role;
}
