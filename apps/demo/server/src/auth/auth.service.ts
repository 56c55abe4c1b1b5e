import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isTenantId, PLATFORM, tenantRealm } from '@trunkline/contract';
import {
  type Handshake,
  type Principal,
  requestedTenant,
  supportView,
  type UserAddress,
} from '@trunkline/server';
import { and, asc, eq, gt, isNotNull, lt, type SQL } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import {
  memberships,
  sessions,
  tenants,
  type UserRole,
  users,
} from '@/infrastructure/database/schema';
import { tenantOfLink } from '@/infrastructure/files/file-link';
import { type Account, accountOf, type Membership, realmsOf } from './account.ts';
import { isPassword } from './password.ts';
import { SESSION_SECONDS, sessionTokenOf } from './session-cookie.ts';
import { type SignedInUser, signedInUser } from './signed-in-user.ts';
import { actingAs, SupportViews, supportUserId } from './support-views.ts';

const ROLE_NAMES: Record<UserRole, string> = {
  admin: 'admins',
  member: 'members',
  viewer: 'viewers',
};

type Session = typeof sessions.$inferSelect;

/** Sessions in the database, named by a random token that only the browser's cookie holds. */
@Injectable()
export class AuthService {
  constructor(
    private readonly database: Database,
    private readonly supportViews: SupportViews,
  ) {}

  /**
   * Signs a user in, to the tenant that their page wants or else their first; `null` when the address
   * is unknown, the password wrong, or there is no tenant (any more) to act in.
   */
  async login(
    email: string,
    password: string,
    wanted: string | null,
  ): Promise<{ token: string; user: SignedInUser } | null> {
    const [user] = await this.database.queries
      .select()
      .from(users)
      .where(and(eq(users.email, email.toLowerCase()), isNotNull(users.passwordHash)));
    const matches = await isPassword(password, user?.passwordHash ?? null);
    if (!user || !matches) return null;
    const token = await this.#startSession(user.id);
    const principal =
      (await this.#principalFor(hashOf(token), wanted)) ??
      (await this.#principalFor(hashOf(token), null));
    const signedIn = principal && (await this.describe(principal));
    return signedIn ? { token, user: signedIn } : null;
  }

  /** Ends a session. Whoever was signed in by it has connections in these realms, under these ids. */
  async logout(token: string): Promise<UserAddress[]> {
    const [ended] = await this.database.queries
      .delete(sessions)
      .where(eq(sessions.tokenHash, hashOf(token)))
      .returning({ userId: sessions.userId });
    const account = ended && (await this.#findAccount(eq(users.id, ended.userId)));
    if (!account) return [];
    const { id } = account.user;
    const viewed = await this.supportViews.closeAll(id); // whoever comes back says why anew
    return [
      ...realmsOf(account).map((realm) => ({ realm, userId: id })),
      ...viewed.map((tenantId) => ({ realm: tenantRealm(tenantId), userId: supportUserId(id) })),
    ];
  }

  /** Who a principal is, for their page; `null` when the account is gone. */
  async describe(principal: Principal): Promise<SignedInUser | null> {
    const staff = actingAs(principal);
    const account = await this.#findAccount(eq(users.id, staff?.userId ?? principal.userId));
    if (!account || !staff) return account && signedInUser(account, principal);
    const { user } = account;
    return signedInUser({ user, memberships: await this.#lookedInto(principal) }, principal);
  }

  /**
   * Who a connection or a request acts for: the user of the session cookie, in the tenant that their
   * page (or the link to a file) names, or else in their first. `null` without a valid session or in a tenant that is not
   * theirs; a database that does not answer throws, so that nobody is logged out by an outage.
   */
  async authenticate(handshake: Handshake): Promise<Principal | null> {
    const token = sessionTokenOf(handshake.headers);
    if (!token) return null;
    const wanted = requestedTenant(handshake) ?? tenantOfLink(handshake.url);
    return await this.#principalFor(hashOf(token), wanted);
  }

  /** The same principal as of now: with the roles it has today; `null` when it may not stay. */
  async reauthorize({ claims, realm }: Principal): Promise<Principal | null> {
    const { session } = (claims ?? {}) as { session?: string };
    if (session === undefined) return null;
    return await this.#principalFor(session, realm.kind === 'tenant' ? realm.tenantId : null);
  }

  async #principalFor(tokenHash: string, wanted: string | null): Promise<Principal | null> {
    if (wanted !== null && !isTenantId(wanted)) return null;
    const rows = await this.#accounts()
      .innerJoin(sessions, eq(sessions.userId, users.id))
      .where(and(eq(sessions.tokenHash, tokenHash), gt(sessions.expiresAt, new Date())));
    const account = accountOf(rows);
    const session = rows[0]?.sessions;
    if (!account || !session) return null;
    if (account.user.realm === 'tenant') return memberPrincipal(account, session, wanted);
    const staff = staffPrincipal(account, session);
    return wanted === null ? staff : await this.#supportPrincipal(staff, wanted);
  }

  /** Staff in a tenant: for as long as their support view is open. */
  async #supportPrincipal(staff: Principal, tenantId: string): Promise<Principal | null> {
    const view = await this.supportViews.find(staff.userId, tenantId);
    if (!view) return null;
    const expiresAt = Math.min(view.expiresAt.getTime(), staff.expiresAt ?? Infinity);
    const durationMs = expiresAt - Date.now();
    if (durationMs <= 0) return null;
    const principal = supportView(staff, tenantId, { reason: view.reason, durationMs });
    return {
      ...principal,
      info: staff.info,
      issuedAt: view.openedAt.getTime(),
      expiresAt,
      claims: { ...(staff.claims as object), ...(principal.claims as object) },
    };
  }

  /** The tenant of a support view, as if its staff belonged to it: to look. */
  async #lookedInto({ realm }: Principal): Promise<Membership[]> {
    if (realm.kind !== 'tenant') return [];
    const found = await this.database.queries
      .select({ id: tenants.id, name: tenants.name })
      .from(tenants)
      .where(eq(tenants.id, realm.tenantId));
    return found.map((tenant) => ({ ...tenant, role: 'viewer' }));
  }

  async #findAccount(where: SQL): Promise<Account | null> {
    return accountOf(await this.#accounts().where(where));
  }

  #accounts() {
    return this.database.queries
      .select()
      .from(users)
      .leftJoin(memberships, eq(memberships.userId, users.id))
      .leftJoin(tenants, eq(tenants.id, memberships.tenantId))
      .orderBy(asc(memberships.createdAt), asc(memberships.tenantId))
      .$dynamic();
  }

  async #startSession(userId: string): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = new Date(Date.now() + SESSION_SECONDS * 1000);
    await this.database.queries.delete(sessions).where(lt(sessions.expiresAt, new Date()));
    await this.database.queries
      .insert(sessions)
      .values({ tokenHash: hashOf(token), userId, expiresAt });
    return token;
  }
}

function memberPrincipal(
  { user, memberships: joined }: Account,
  session: Session,
  wanted: string | null,
): Principal | null {
  const membership = wanted === null ? joined[0] : joined.find(({ id }) => id === wanted);
  if (!membership) return null;
  const roles = [ROLE_NAMES[membership.role]];
  return { userId: user.id, realm: tenantRealm(membership.id), roles, ...grantOf(user, session) };
}

function staffPrincipal({ user }: Account, session: Session): Principal {
  return {
    userId: user.id,
    realm: PLATFORM,
    roles: [ROLE_NAMES[user.role]],
    ...grantOf(user, session),
  };
}

/** What a session gives to each principal that comes from it. */
function grantOf(
  { name }: Account['user'],
  { tokenHash, createdAt, expiresAt }: Session,
): Pick<Principal, 'issuedAt' | 'expiresAt' | 'info' | 'claims'> {
  return {
    issuedAt: createdAt.getTime(),
    expiresAt: expiresAt.getTime(),
    info: { name },
    // Never sent: `reauthorize` finds the session by it.
    claims: { session: tokenHash },
  };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
