import { Injectable } from '@nestjs/common';
import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm';
import { Database } from '@/infrastructure/database/database';
import { users } from '@/infrastructure/database/schema';
import type { NewUser } from './user-row.ts';
import { UsersService } from './users.service.ts';

/** Somebody whom an import has brought. */
export interface ImportedUser {
  readonly id: string;
  readonly email: string;
  readonly name: string;
  readonly welcomedAt: Date | null;
}

/** Whom a stored import has brought so far: the users table itself remembers, so a second attempt goes on. */
@Injectable()
export class ImportedUsers {
  constructor(
    private readonly database: Database,
    private readonly usersService: UsersService,
  ) {}

  /** Adds users; gives the addresses of those whom this import has brought, now or in an earlier attempt. */
  async add(
    tenantId: string,
    importId: string,
    batch: readonly NewUser[],
  ): Promise<ReadonlySet<string>> {
    const added = await this.usersService.addImported(tenantId, importId, batch);
    if (added.length === batch.length) return emailsOf(added);
    const emails = batch.map(({ email }) => email);
    const brought = await this.database.queries
      .select({ email: users.email })
      .from(users)
      .where(and(ofImport(tenantId, importId), inArray(users.email, emails)));
    return emailsOf(brought);
  }

  /** All of them by address, so many at a time. */
  async *pages(
    tenantId: string,
    importId: string,
    pageSize: number,
  ): AsyncGenerator<ImportedUser[]> {
    const { id, email, name, welcomedAt } = users;
    let last = '';
    for (;;) {
      const page = await this.database.queries
        .select({ id, email, name, welcomedAt })
        .from(users)
        .where(and(ofImport(tenantId, importId), gt(users.email, last)))
        .orderBy(asc(users.email))
        .limit(pageSize);
      if (page.length > 0) yield page;
      if (page.length < pageSize) return;
      last = page.at(-1)?.email ?? '';
    }
  }

  async markWelcomed(ids: readonly string[]): Promise<void> {
    await this.database.queries
      .update(users)
      .set({ welcomedAt: sql`now()` })
      .where(inArray(users.id, [...ids]));
  }
}

function ofImport(tenantId: string, importId: string) {
  return and(eq(users.tenantId, tenantId), eq(users.importId, importId));
}

function emailsOf(found: readonly { readonly email: string }[]): ReadonlySet<string> {
  return new Set(found.map(({ email }) => email));
}
