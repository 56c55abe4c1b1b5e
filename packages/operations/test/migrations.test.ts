import { fromPg, fromPglite, migrate, Operations } from '@trunkline/operations';
import { Pool } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needs, postgresForTests } from '../../../test/services/for-tests.ts';
import { newPglite, sql } from './store.ts';

const postgres = await postgresForTests();
const publish = () => Promise.resolve(true);

async function newPool(url: string): Promise<Pool> {
  const pool = new Pool({ connectionString: url });
  onTestFinished(() => pool.end());
  return pool;
}

const numbers = 'select number from trunkline.migrations order by number';

describe('on Postgres', needs(postgres), () => {
  test('of many processes that open an empty database at once, each step is taken once', async () => {
    const url = await postgres.database();
    const pools = await Promise.all(Array.from({ length: 8 }, () => newPool(url)));
    const opened = await Promise.all(
      pools.map((pool) => Operations.open({ database: fromPg(pool), publish })),
    );
    const [pool] = pools as [Pool];
    const database = fromPg(pool);
    expect(await sql({ database }, numbers)).toEqual([{ number: 1 }, { number: 2 }]);
    expect(await sql({ database }, 'select id from trunkline.workers')).toHaveLength(8);
    await Promise.all(opened.map((operations) => operations.close()));
    expect(await sql({ database }, 'select id from trunkline.workers')).toEqual([]);
  });

  test('a step that fails leaves nothing behind, and the next time is the first', async () => {
    const pool = await newPool(await postgres.database());
    await pool.query('create schema trunkline');
    await pool.query('create table trunkline.operations (id text)');
    const database = fromPg(pool);
    await expect(migrate(database)).rejects.toThrow(/already exists/);
    await pool.query('drop table trunkline.operations');
    await migrate(database);
    expect(await sql({ database }, numbers)).toHaveLength(2);
  });

  test('an app with a schema search path of its own is not disturbed', async () => {
    const pool = await newPool(await postgres.database());
    await pool.query('create schema app');
    await pool.query('create table app.operations (id text)');
    const url = new URL(pool.options.connectionString ?? '');
    url.searchParams.set('options', '-c search_path=app');
    const own = await newPool(url.href);
    const database = fromPg(own);
    const operations = await Operations.open({ database, publish });
    const as = { userId: 'anna', realm: { kind: 'tenant', tenantId: 'acme' }, roles: [] } as const;
    expect(await operations.run('import', { as }, () => 1)).toBe(1);
    expect(await sql({ database }, 'select * from app.operations')).toEqual([]);
    await operations.close();
  });
});

describe('on PGlite', () => {
  test('steps are taken once, and a newer database is refused', async () => {
    const pglite = await newPglite();
    onTestFinished(() => pglite.close());
    const database = fromPglite(pglite);
    await migrate(database);
    await migrate(database);
    expect(await sql({ database }, numbers)).toEqual([{ number: 1 }, { number: 2 }]);
    await sql({ database }, 'insert into trunkline.migrations (number) values (3)');
    const opening = Operations.open({ database, publish });
    await expect(opening).rejects.toThrow(
      'The database is at migration 3 of operations, and this version knows 2',
    );
  });

  test('a database of the first version is brought up to date, with what is in it', async () => {
    const pglite = await newPglite();
    onTestFinished(() => pglite.close());
    const database = fromPglite(pglite);
    await migrate(database);
    await sql({ database }, 'alter table trunkline.operations drop column has_refused_cancel');
    await sql({ database }, 'delete from trunkline.migrations where number = 2');
    await sql(
      { database },
      `insert into trunkline.operations (id, realm, tenant_id, owner_id, owner_roles, type, label, state,
         max_attempts, audience, is_durable, is_cancellable, is_retryable, finished_at)
       values ('01JZZZZZZZZZZZZZZZZZZZZZZZ', 'tenant', 'acme', 'anna', '[]', 'import', 'Import',
         'succeeded', 1, 'owner', false, true, false, now())`,
    );
    const operations = await Operations.open({ database, publish });
    const as = { userId: 'anna', realm: { kind: 'tenant', tenantId: 'acme' }, roles: [] } as const;
    const { operations: all } = await operations.list({}, { as });
    expect(all).toMatchObject([{ type: 'import', state: 'succeeded' }]);
    await operations.close();
  });
});
