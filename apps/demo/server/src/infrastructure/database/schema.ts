import { sql } from 'drizzle-orm';
import { check, index, pgTable, text, timestamp, unique, uniqueIndex } from 'drizzle-orm/pg-core';

/** What a user may be in their tenant (or on the platform). */
export const USER_ROLES = ['admin', 'member', 'viewer'] as const;

export type UserRole = (typeof USER_ROLES)[number];

export const users = pgTable(
  'users',
  {
    id: text().primaryKey(),
    realm: text({ enum: ['tenant', 'platform'] }).notNull(),
    tenantId: text('tenant_id'),
    /** Lower case. */
    email: text().notNull(),
    name: text().notNull(),
    role: text({ enum: USER_ROLES }).notNull(),
    department: text(),
    /** Who has none cannot sign in. */
    passwordHash: text('password_hash'),
    /** The import that brought this user. */
    importId: text('import_id'),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    unique('users_email_per_tenant').on(table.tenantId, table.email).nullsNotDistinct(),
    // A log-in names no tenant: an address with a password must mean one user.
    uniqueIndex('users_login').on(table.email).where(sql`${table.passwordHash} is not null`),
    // "No tenant" is never how the platform is said.
    check('users_realm', sql`(${table.realm} = 'tenant') = (${table.tenantId} is not null)`),
  ],
);

export const sessions = pgTable(
  'sessions',
  {
    /** SHA-256: whoever reads this table cannot sign in with it. */
    tokenHash: text('token_hash').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (table) => [
    index('sessions_of_user').on(table.userId),
    index('sessions_expiry').on(table.expiresAt),
  ],
);
