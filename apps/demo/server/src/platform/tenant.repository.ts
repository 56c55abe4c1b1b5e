import { randomUUID } from 'node:crypto';
import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { and, asc, eq, sql } from 'drizzle-orm';
import { Database, type Queries } from '@/infrastructure/database/database';
import { addSampleData } from '@/infrastructure/database/sample-data';
import { memberships, tenants, users } from '@/infrastructure/database/schema';
import type { NewTenant } from './platform-input.ts';

/** A tenant, as the platform's staff sees it. */
export interface Tenant {
  id: string;
  name: string;
  /** How many rows its users table has. */
  users: number;
  /** ISO 8601. */
  createdAt: string;
}

const SAMPLE_USERS = [
  { name: 'Mira Novak', role: 'member', department: 'Sales' },
  { name: 'Tom Adeyemi', role: 'member', department: 'Engineering' },
  { name: 'Yuki Tanaka', role: 'viewer', department: 'Finance' },
] as const;

/** All tenants: for the platform's staff alone. */
@Injectable()
export class TenantRepository {
  constructor(private readonly database: Database) {}

  async list(): Promise<Tenant[]> {
    const count = sql<number>`(
      select count(*)::int from users u where u.tenant_id = tenants.id or u.id in (
        select m.user_id from memberships m where m.tenant_id = tenants.id))`;
    const rows = await this.database.queries
      .select({ id: tenants.id, name: tenants.name, users: count, createdAt: tenants.createdAt })
      .from(tenants)
      .orderBy(asc(tenants.name), asc(tenants.id));
    return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
  }

  async has(id: string): Promise<boolean> {
    return (await this.database.queries.$count(tenants, eq(tenants.id, id))) > 0;
  }

  /** Throws a 404 unless there is such a tenant. */
  async require(id: string): Promise<void> {
    if (!(await this.has(id))) throw new NotFoundException('There is no such tenant');
  }

  /**
   * Adds a tenant with everything that it begins with, or nothing of it: an admin, whose account this
   * password opens, sample users, products and a chat. Throws a 409 when it exists, unless the same
   * operation has added it.
   */
  async create(
    { id, name }: NewTenant,
    { passwordHash, operationId }: { passwordHash: string; operationId: string },
  ): Promise<void> {
    const admin = person(id, 'admin', { name: `${name} Admin`, role: 'admin', department: null });
    const others = SAMPLE_USERS.map((user) => {
      return person(id, user.name.split(' ')[0]?.toLowerCase() ?? '', user);
    });
    await this.database.queries.transaction(async (transaction) => {
      const [added] = await transaction
        .insert(tenants)
        .values({ id, name, operationId })
        .onConflictDoNothing()
        .returning({ id: tenants.id });
      if (!added && (await isOf(transaction, id, operationId))) return;
      if (!added) throw tenantExists(id);
      await transaction.insert(users).values([{ ...admin, passwordHash }, ...others]);
      await transaction
        .insert(memberships)
        .values({ tenantId: id, userId: admin.id, role: admin.role });
      await addSampleData(transaction, id);
    });
  }
}

export function tenantExists(id: string): ConflictException {
  return new ConflictException(`There is a tenant ${id} already`);
}

async function isOf(queries: Queries, id: string, operationId: string): Promise<boolean> {
  const isSame = and(eq(tenants.id, id), eq(tenants.operationId, operationId));
  return (await queries.$count(tenants, isSame)) > 0;
}

function person(
  tenantId: string,
  mailbox: string,
  user: Pick<typeof users.$inferSelect, 'name' | 'role' | 'department'>,
) {
  const email = `${mailbox}@${tenantId}.test`;
  return { ...user, id: randomUUID(), realm: 'tenant' as const, tenantId, email };
}
