import { eq, sql } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { chatMembers, chats, memberships, products, tenants } from './schema.ts';

// Every tenant gets the same ids: that two of them do so is nothing that either could notice.
const SAMPLE_CHAT = { id: 'general', name: 'General' };
const SAMPLE_PRODUCTS = [
  { id: 'desk-lamp', name: 'Desk lamp', price: 49_00, stock: 120 },
  { id: 'office-chair', name: 'Office chair', price: 329_00, stock: 18 },
  { id: 'standing-desk', name: 'Standing desk', price: 749_00, stock: 7 },
  { id: 'usb-c-dock', name: 'USB-C dock', price: 189_00, stock: 43 },
  { id: 'webcam', name: 'Webcam', price: 119_00, stock: 0 },
  { id: 'whiteboard', name: 'Whiteboard', price: 89_50, stock: 25 },
];

/** Gives a tenant products, and a chat with everyone who can sign in to it. */
export async function addSampleData(queries: Queries, tenantId: string): Promise<void> {
  const inTenant = <T>(rows: readonly T[]) => rows.map((row) => ({ ...row, tenantId }));
  await queries.insert(products).values(inTenant(SAMPLE_PRODUCTS)).onConflictDoNothing();
  await queries
    .insert(chats)
    .values(inTenant([SAMPLE_CHAT]))
    .onConflictDoNothing();
  // The columns come in the order of the table.
  const everyone = sql`
    select ${tenantId}, ${SAMPLE_CHAT.id}, user_id, now()
    from ${memberships} where tenant_id = ${tenantId}`;
  await queries.insert(chatMembers).select(everyone).onConflictDoNothing();
  await queries.update(tenants).set({ seededAt: sql`now()` }).where(eq(tenants.id, tenantId));
}
