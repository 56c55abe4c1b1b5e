import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { PLATFORM, tenantRealm } from '@trunkline/contract';
import type { Handshake, Principal } from '@trunkline/server';
import { and, eq, gt, isNotNull, lt } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import { sessions, type UserRole, users } from '@/infrastructure/database/schema';
import type { SignedInUser } from './auth.controller.ts';
import { isPassword } from './password.ts';
import { SESSION_SECONDS, sessionTokenOf } from './session-cookie.ts';

type User = typeof users.$inferSelect;

const ROLE_NAMES: Record<UserRole, string> = {
  admin: 'admins',
  member: 'members',
  viewer: 'viewers',
};

/** Sessions in the database, named by a random token that only the browser's cookie holds. */
@Injectable()
export class AuthService {
  constructor(private readonly database: Database) {}

  /** Signs a user in; `null` when the address is unknown or the password wrong. */
  async login(
    email: string,
    password: string,
  ): Promise<{ token: string; user: SignedInUser } | null> {
    const [user] = await this.database.queries
      .select()
      .from(users)
      .where(and(eq(users.email, email.toLowerCase()), isNotNull(users.passwordHash)));
    const matches = await isPassword(password, user?.passwordHash ?? null);
    if (!user || !matches) return null;
    return { token: await this.#startSession(user.id), user: signedInUser(user) };
  }

  async logout(token: string): Promise<void> {
    await this.database.queries.delete(sessions).where(eq(sessions.tokenHash, hashOf(token)));
  }

  async findUser(id: string): Promise<SignedInUser | null> {
    const [user] = await this.database.queries.select().from(users).where(eq(users.id, id));
    return user ? signedInUser(user) : null;
  }

  /**
   * Who a connection or a request acts for: the user of the session cookie. `null` without a valid
   * one; a database that does not answer throws, so that nobody is logged out by an outage.
   */
  async authenticate({ headers }: Pick<Handshake, 'headers'>): Promise<Principal | null> {
    const token = sessionTokenOf(headers);
    if (!token) return null;
    const [found] = await this.database.queries
      .select({ user: users, expiresAt: sessions.expiresAt })
      .from(sessions)
      .innerJoin(users, eq(users.id, sessions.userId))
      .where(and(eq(sessions.tokenHash, hashOf(token)), gt(sessions.expiresAt, new Date())));
    return found ? principalOf(found.user, found.expiresAt) : null;
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

function principalOf(user: User, expiresAt: Date): Principal {
  const roles = [ROLE_NAMES[user.role]];
  return { userId: user.id, realm: realmOf(user), roles, expiresAt: expiresAt.getTime() };
}

function signedInUser(user: User): SignedInUser {
  const { id, email, name, role, tenantId } = user;
  return { id, email, name, role, realm: realmOf(user), tenantId };
}

function realmOf({ realm, tenantId }: User) {
  return realm === 'platform' ? PLATFORM : tenantRealm(tenantId ?? '');
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
