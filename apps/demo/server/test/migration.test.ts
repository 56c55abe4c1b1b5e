import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { beforeEach, expect, test } from 'vitest';
import { serverFolder } from '@/folders';
import { openPglite } from '@/infrastructure/database/database';
import { addDemoData } from '@/infrastructure/database/demo-data';
import { chatMembers, memberships, products, tenants } from '@/infrastructure/database/schema';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-migration-'));
  return () => rmSync(folder, { recursive: true });
});

test('the folder of a demo before tenants keeps its people and becomes whole', async () => {
  await makeOldFolder();
  const database = await openPglite(join(folder, 'database'));
  const { queries } = database;
  expect(await queries.select({ id: tenants.id, name: tenants.name }).from(tenants)).toEqual([
    { id: 'acme', name: 'Acme' },
  ]);
  await addDemoData(database);

  const joined = await queries.select().from(memberships);
  expect(
    joined.map(({ userId, tenantId, role }) => `${userId} ${tenantId} ${role}`).toSorted(),
  ).toEqual(['ada acme admin', 'cleo globex admin', 'dana acme member', 'dana globex member']);
  const inChats = await queries.select().from(chatMembers);
  expect(inChats.map(({ userId, tenantId }) => `${userId} ${tenantId}`).toSorted()).toEqual([
    'ada acme',
    'cleo globex',
    'dana acme',
    'dana globex',
  ]);
  await database.close();
});

test('what was deleted does not come back with the next start', async () => {
  const database = await openPglite(join(folder, 'database'));
  await addDemoData(database);
  await database.queries.delete(products);
  await database.queries.delete(chatMembers);
  await addDemoData(database);
  expect(await database.queries.$count(products)).toBe(0);
  expect(await database.queries.$count(chatMembers)).toBe(0);
  await database.close();
});

/** As it was made before: Ada with an account, her colleague Ben's account gone, one imported user. */
async function makeOldFolder(): Promise<void> {
  const migrations = join(folder, 'migrations');
  cpSync(join(serverFolder, 'drizzle'), migrations, { recursive: true });
  const journalFile = join(migrations, 'meta', '_journal.json');
  const journal = JSON.parse(readFileSync(journalFile, 'utf8')) as { entries: unknown[] };
  writeFileSync(journalFile, JSON.stringify({ ...journal, entries: journal.entries.slice(0, 1) }));
  const client = await PGlite.create({ dataDir: join(folder, 'database') });
  const queries = drizzle({ client });
  await migrate(queries, { migrationsFolder: migrations });
  await queries.execute(sql`
    insert into users (id, realm, tenant_id, email, name, role, password_hash, import_id) values
      ('ada', 'tenant', 'acme', 'ada@acme.test', 'Ada', 'admin', 'hash', null),
      ('ben', 'tenant', 'acme', 'ben@acme.test', 'Ben', 'member', null, 'user-import-1'),
      ('root', 'platform', null, 'root@platform.test', 'Root', 'admin', 'hash', null)`);
  await client.close();
}
