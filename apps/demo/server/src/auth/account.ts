import { PLATFORM, type Realm, tenantRealm } from '@trunkline/contract';
import type { memberships, tenants, UserRole, users } from '@/infrastructure/database/schema';

type User = typeof users.$inferSelect;

/** A tenant that somebody may act in, and as what. */
export interface Membership {
  id: string;
  name: string;
  role: UserRole;
}

/** Somebody who can sign in, with the tenants of their memberships: the oldest is first. */
export interface Account {
  readonly user: User;
  readonly memberships: readonly Membership[];
}

/** A user beside one of their memberships, as a join of the tables gives it. */
export interface AccountRow {
  readonly users: User;
  readonly memberships: typeof memberships.$inferSelect | null;
  readonly tenants: typeof tenants.$inferSelect | null;
}

/** The one account that these rows are about; `null` without rows. */
export function accountOf(rows: readonly AccountRow[]): Account | null {
  const [first] = rows;
  if (!first) return null;
  const found = rows.flatMap(({ memberships: membership, tenants: tenant }) =>
    membership && tenant ? [{ id: tenant.id, name: tenant.name, role: membership.role }] : [],
  );
  return { user: first.users, memberships: found };
}

/** Where an account may act: each of these is a user of their own to the real-time layer. */
export function realmsOf({ user, memberships: joined }: Account): Realm[] {
  return user.realm === 'platform' ? [PLATFORM] : joined.map(({ id }) => tenantRealm(id));
}
