import type { AuditRecord } from '@trunkline/server';
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';

/** What a user may be in their tenant (or on the platform). */
export const USER_ROLES = ['admin', 'member', 'viewer'] as const;

export type UserRole = (typeof USER_ROLES)[number];

const createdAt = () => timestamp('created_at', { withTimezone: true }).notNull().defaultNow();

export const tenants = pgTable('tenants', {
  id: text().primaryKey(),
  name: text().notNull(),
  createdAt: createdAt(),
  /** When its sample data was added: what its people delete must not come back. */
  seededAt: timestamp('seeded_at', { withTimezone: true }),
  /** The operation that created it: the same one once more finds its own work done. */
  operationId: text('operation_id'),
});

/** Rows of the users tables. Who can sign in acts in the tenants of their memberships. */
export const users = pgTable(
  'users',
  {
    id: text().primaryKey(),
    realm: text({ enum: ['tenant', 'platform'] }).notNull(),
    /** The tenant that has brought this user; others may have made them a member too. */
    tenantId: text('tenant_id'),
    /** Lower case. */
    email: text().notNull(),
    name: text().notNull(),
    /** In the tenant that has brought them, or on the platform. */
    role: text({ enum: USER_ROLES }).notNull(),
    department: text(),
    /** Who has none cannot sign in. */
    passwordHash: text('password_hash'),
    /** The import that brought this user. */
    importId: text('import_id'),
    /** When the welcome mail of that import went out: a second attempt sends no second one. */
    welcomedAt: timestamp('welcomed_at', { withTimezone: true }),
    createdAt: createdAt(),
  },
  (table) => [
    unique('users_email_per_tenant').on(table.tenantId, table.email).nullsNotDistinct(),
    // A log-in names no tenant: an address with a password must mean one user.
    uniqueIndex('users_login').on(table.email).where(sql`${table.passwordHash} is not null`),
    // "No tenant" is never how the platform is said.
    check('users_realm', sql`(${table.realm} = 'tenant') = (${table.tenantId} is not null)`),
  ],
);

/** The tenants that an account may act in, and as what. */
export const memberships = pgTable(
  'memberships',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    role: text({ enum: USER_ROLES }).notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.userId] }),
    index('memberships_of_user').on(table.userId),
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
    createdAt: createdAt(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (table) => [
    index('sessions_of_user').on(table.userId),
    index('sessions_expiry').on(table.expiresAt),
  ],
);

/** Staff of the platform who look into a tenant, and until when. */
export const supportViews = pgTable(
  'support_views',
  {
    staffId: text('staff_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    reason: text().notNull(),
    openedAt: timestamp('opened_at', { withTimezone: true }).notNull(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.staffId, table.tenantId] })],
);

// Each tenant has ids of its own: two of them may have a chat `general`, and never meet.
export const chats = pgTable(
  'chats',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    id: text().notNull(),
    name: text().notNull(),
    /** `seq` of the newest message; 0 without any. */
    lastSeq: integer('last_seq').notNull().default(0),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const chatMembers = pgTable(
  'chat_members',
  {
    tenantId: text('tenant_id').notNull(),
    chatId: text('chat_id').notNull(),
    userId: text('user_id').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.chatId, table.userId] }),
    foreignKey({
      name: 'chat_members_chat',
      columns: [table.tenantId, table.chatId],
      foreignColumns: [chats.tenantId, chats.id],
    }).onDelete('cascade'),
    // Who leaves the tenant leaves its chats, and who is not in it cannot be added.
    foreignKey({
      name: 'chat_members_membership',
      columns: [table.tenantId, table.userId],
      foreignColumns: [memberships.tenantId, memberships.userId],
    }).onDelete('cascade'),
    index('chats_of_member').on(table.tenantId, table.userId),
  ],
);

export const chatMessages = pgTable(
  'chat_messages',
  {
    tenantId: text('tenant_id').notNull(),
    chatId: text('chat_id').notNull(),
    /** 1, 2, 3, … in its chat, without holes. */
    seq: integer().notNull(),
    id: text().notNull(),
    /** No reference: what somebody said stays when they have gone, under the name they had. */
    userId: text('user_id').notNull(),
    userName: text('user_name').notNull(),
    text: text().notNull(),
    /** What the sender's page calls it: the same once more is the same message. */
    clientMessageId: text('client_message_id'),
    sentAt: timestamp('sent_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.chatId, table.seq] }),
    foreignKey({
      name: 'chat_messages_chat',
      columns: [table.tenantId, table.chatId],
      foreignColumns: [chats.tenantId, chats.id],
    }).onDelete('cascade'),
    unique('chat_messages_id').on(table.id),
    unique('chat_messages_client_message_id').on(
      table.tenantId,
      table.chatId,
      table.userId,
      table.clientMessageId,
    ),
  ],
);

export const products = pgTable(
  'products',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    id: text().notNull(),
    name: text().notNull(),
    /** In cents. */
    price: integer().notNull(),
    stock: integer().notNull(),
    /** One more with each change: an older state that arrives later is known by it. */
    version: integer().notNull().default(1),
    updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
    /** Whose change the newest is; `null`: nobody has changed it yet. */
    updatedBy: text('updated_by'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

/** Files that are kept for a while. Their bytes are in the data folder: see `FileStore`. */
export const files = pgTable(
  'files',
  {
    tenantId: text('tenant_id')
      .notNull()
      .references(() => tenants.id, { onDelete: 'cascade' }),
    id: text().notNull(),
    ownerId: text('owner_id').notNull(),
    /** `import`: what an import reads; nobody downloads it. */
    kind: text({ enum: ['export', 'import', 'upload'] }).notNull(),
    name: text().notNull(),
    mediaType: text('media_type').notNull(),
    bytes: bigint({ mode: 'number' }).notNull(),
    sha256: text().notNull(),
    createdAt: createdAt(),
    expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.id] }),
    index('files_expiry').on(table.expiresAt),
  ],
);

/** What the real-time layer has noted about access. Ids are ULIDs: later ones sort behind. */
export const auditRecords = pgTable('audit_records', {
  id: text().primaryKey(),
  record: jsonb().$type<AuditRecord>().notNull(),
});
