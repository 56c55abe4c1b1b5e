import { Injectable } from '@nestjs/common';
import { and, count, eq, isNotNull, or, type SQL, sql } from 'drizzle-orm';
import { unionAll } from 'drizzle-orm/pg-core';
import { Database } from '@/infrastructure/database/database';
import { memberships, type UserRole, users } from '@/infrastructure/database/schema';

/** One row of the users table, as it is exported. */
export interface ExportedUser {
  readonly email: string;
  readonly name: string;
  readonly role: UserRole;
  readonly department: string | null;
  readonly createdAt: Date;
}

const PAGE_SIZE = 1000;

/** Reads the whole users table of a tenant, of any size, a page at a time. */
@Injectable()
export class UserPages {
  constructor(private readonly database: Database) {}

  async count(tenantId: string): Promise<number> {
    const [row] = await this.database.queries
      .select({ total: count() })
      .from(users)
      .leftJoin(memberships, membershipIn(tenantId))
      .where(or(eq(users.tenantId, tenantId), isNotNull(memberships.userId)));
    return row?.total ?? 0;
  }

  /**
   * All users by address. Each page begins behind the last row of the one before, which an index finds; what
   * changes meanwhile is in it or not, but no row is twice.
   */
  async *all(tenantId: string): AsyncGenerator<ExportedUser[]> {
    await this.database.analyze(users);
    let last = { email: '', id: '' };
    for (;;) {
      const page = await this.#behind(tenantId, last);
      const final = page.at(-1);
      if (!final) return;
      yield page;
      if (page.length < PAGE_SIZE) return;
      last = final;
    }
  }

  /** The tenant's own users, and those of others who are members here: two ways to be in the table. */
  async #behind(tenantId: string, { email, id }: { email: string; id: string }) {
    const isBehind = sql`(${users.email}, ${users.id}) > (${email}, ${id})`;
    const own = this.#select(tenantId, and(eq(users.tenantId, tenantId), isBehind));
    const isGuest = sql`${users.tenantId} is distinct from ${tenantId}`;
    const guests = this.#select(tenantId, and(isNotNull(memberships.userId), isGuest, isBehind));
    return await unionAll(own, guests).orderBy(sql`email`, sql`id`).limit(PAGE_SIZE);
  }

  #select(tenantId: string, where: SQL | undefined) {
    const { id, email, name, department, createdAt } = users;
    const role = sql<UserRole>`coalesce(${memberships.role}, ${users.role})`.as('role');
    return this.database.queries
      .select({ id, email, name, role, department, createdAt })
      .from(users)
      .leftJoin(memberships, membershipIn(tenantId))
      .where(where)
      .orderBy(users.email, users.id)
      .limit(PAGE_SIZE);
  }
}

function membershipIn(tenantId: string): SQL | undefined {
  return and(eq(memberships.userId, users.id), eq(memberships.tenantId, tenantId));
}
