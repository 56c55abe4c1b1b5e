import {
  type OperationPrincipal,
  OperationStoreError,
  type Queryable,
} from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, type TestEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { isOf, newUser, type StoreOf, sql, type TestStore, tenantOf } from '../store.ts';

const rolledBack = new Error('rolled back');

/** Operations that are part of the app's own transaction. */
export function describeTransactions(storeOf: StoreOf): void {
  const ways: [string, (work: (tx: Queryable) => Promise<unknown>) => Promise<unknown>][] = [
    ['a transaction', (work) => storeOf().transaction(work)],
    ['a transaction of Drizzle', (work) => storeOf().drizzle(work)],
  ];

  describe.each(ways)('in %s', (_, transaction) => {
    test('what start begins, begins when it commits', async () => {
      const { operations, outlet } = await openEngine(storeOf());
      const user = newUser();
      const controlled = new ControlledWork();
      let hasBegun = false;
      void controlled.begun.then(() => (hasBegun = true));
      let id = '';
      await transaction(async (tx) => {
        const started = await operations.start('import', { as: user, tx }, controlled.work);
        ({ id } = started);
        expect(started).toMatchObject({ state: 'queued', seq: 1 });
        await tx.query('select 1');
        expect(hasBegun).toBe(false);
      });
      await controlled.begun;
      expect(await operations.get(id, { as: user })).toMatchObject({ state: 'running', seq: 2 });
      controlled.succeed('done');
      const end = await outlet.state(id, 'succeeded');
      expect(end.data).toMatchObject({ result: 'done', seq: 3 });
      expect(outlet.of(id).map(({ data }) => data.seq)).toEqual([2, 3]);
    });

    test('of what start begins, nothing is left when it rolls back', async () => {
      const engine = await openEngine(storeOf());
      const user = newUser();
      const failing = transaction(async (tx) => {
        await engine.operations.start('import', { as: user, tx }, () => {
          throw new Error('This must not run');
        });
        throw rolledBack;
      });
      await expect(failing).rejects.toBe(rolledBack);
      await expectNothing(engine, storeOf(), user);
      expect(engine.log.of('operation_failed')).toEqual([]);
    });

    test('the end that run writes is part of it', async () => {
      const { operations, outlet } = await openEngine(storeOf());
      const user = newUser();
      const result = await transaction((tx) =>
        operations.run('import', { as: user, tx }, async (op) => {
          await op.progress({ percentage: 50 });
          await tx.query('select 1');
          return 'done';
        }),
      );
      expect(result).toBe('done');
      const end = await outlet.until(isOf(user));
      expect(end.data).toMatchObject({ state: 'succeeded', seq: 2, result: 'done' });
      const { operations: all } = await operations.list({}, { as: user });
      expect(all).toMatchObject([{ state: 'succeeded', percentage: 100 }]);
    });

    test('of what run has done, nothing is left when it rolls back', async () => {
      const engine = await openEngine(storeOf());
      const user = newUser();
      const failing = transaction(async (tx) => {
        await engine.operations.run('import', { as: user, tx }, () => 'done');
        throw rolledBack;
      });
      await expect(failing).rejects.toBe(rolledBack);
      await expectNothing(engine, storeOf(), user);
    });

    test('work that fails, in a transaction that commits all the same, has failed', async () => {
      const { operations } = await openEngine(storeOf());
      const user = newUser();
      await transaction((tx) =>
        operations
          .run('import', { as: user, tx }, () => Promise.reject(new Error('no')))
          .catch(() => {}),
      );
      const { operations: all } = await operations.list({}, { as: user });
      expect(all).toMatchObject([{ state: 'failed', error: { code: 'internal' } }]);
    });

    test('work whose statement fails gets that error, and nobody another one', async () => {
      const engine = await openEngine(storeOf());
      const user = newUser();
      const failing = transaction((tx) =>
        engine.operations.run('import', { as: user, tx }, () => tx.query('select 1/0')),
      );
      await expect(failing).rejects.toThrow(/division by zero|Failed query: select 1\/0/);
      await expectNothing(engine, storeOf(), user);
    });

    test('the parts of what run does are part of it too', async () => {
      const { operations, outlet } = await openEngine(storeOf());
      const user = newUser();
      await transaction((tx) =>
        operations.run('import', { as: user, tx }, (op) =>
          op.run('part', { label: 'Part' }, async () => {
            await tx.query('select 1');
          }),
        ),
      );
      await outlet.until(
        (message) => isOf(user)(message) && message.event.data.operationType === 'part',
      );
      const { operations: all } = await operations.list({}, { as: user });
      const [whole, part] = all.toSorted((a, b) => a.type.localeCompare(b.type));
      expect(whole).toMatchObject({ type: 'import', state: 'succeeded' });
      expect(part).toMatchObject({ type: 'part', state: 'succeeded', parentId: whole?.id });
    });

    test('a cancel takes effect when it commits, and not when it rolls back', async () => {
      const { operations, outlet } = await openEngine(storeOf());
      const user = newUser();
      const controlled = new ControlledWork();
      const { id } = await operations.start('import', { as: user }, controlled.work);
      const { signal } = await controlled.begun;
      const failing = transaction(async (tx) => {
        expect(await operations.cancel(id, { as: user, tx })).toMatchObject({
          state: 'cancelling',
        });
        throw rolledBack;
      });
      await expect(failing).rejects.toBe(rolledBack);
      expect(await operations.get(id, { as: user })).toMatchObject({ state: 'running', seq: 1 });
      await transaction(async (tx) => {
        await operations.cancel(id, { as: user, tx });
        expect(signal.aborted).toBe(false);
      });
      await outlet.state(id, 'cancelling');
      await expectSoon(() => signal.aborted).toBe(true);
      controlled.fail(signal.reason);
      await outlet.state(id, 'cancelled');
    });

    test('the same key finds what the same transaction has started', async () => {
      const { operations } = await openEngine(storeOf());
      const options = { as: newUser(), idempotencyKey: 'k' };
      await transaction(async (tx) => {
        const first = await operations.start('import', { ...options, tx }, () => 1);
        const second = await operations.start('import', { ...options, tx }, () => 2);
        expect(second.id).toBe(first.id);
      });
    });
  });

  test('a cancel that is taken back to a savepoint stops nothing', async () => {
    const { operations } = await openEngine(storeOf());
    const user = newUser();
    const controlled = new ControlledWork();
    const { id } = await operations.start('import', { as: user }, controlled.work);
    const { signal } = await controlled.begun;
    await storeOf().transaction(async (tx) => {
      await tx.query('savepoint before');
      await operations.cancel(id, { as: user, tx });
      await tx.query('rollback to savepoint before');
    });
    const marker = await operations.run('marker', { as: user }, () => 'behind it');
    expect(marker).toBe('behind it');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(signal.aborted).toBe(false);
    expect(await operations.get(id, { as: user })).toMatchObject({ state: 'running', seq: 1 });
    controlled.succeed(null);
  });

  test('a transaction of which the database knows nothing any more is not asked for again', async () => {
    const { operations, database } = await openEngine(storeOf());
    const options = { as: newUser() };
    await storeOf().transaction(async (tx) => {
      const lost: Queryable = {
        query: (text, parameters) =>
          tx.query(
            text.replace('pg_current_xact_id()', '(pg_current_xact_id()::text::bigint + 1000000)'),
            parameters,
          ),
      };
      await operations.start('import', { ...options, tx: lost }, () => 1);
    });
    await expectSoon(() => database.count(/pg_xact_status/)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(database.count(/pg_xact_status/)).toBe(1);
  });

  test('an import in one transaction, with awaited progress, does not hang', async () => {
    const { operations, outlet } = await openEngine(storeOf());
    const user = newUser();
    await sql(storeOf(), 'create table if not exists imported (name text)');
    await operations.run('import', { as: user }, (op) =>
      storeOf().transaction(async (tx) => {
        for (let row = 1; row <= 50; row += 1) {
          // oxlint-disable-next-line no-await-in-loop -- one row after the other
          await tx.query('insert into imported (name) values ($1)', [`row ${row}`]);
          // oxlint-disable-next-line no-await-in-loop
          await op.progress({ percentage: 2 * row, stage: row < 25 ? 'first' : 'second' });
        }
      }),
    );
    const end = await outlet.until(
      (message) => isOf(user)(message) && message.event.type === 'operation:complete',
    );
    const told = outlet.of(end.data.operationId).map(({ data }) => data.seq);
    expect(told).toEqual(Array.from(told, (_, index) => index + 1));
  });

  test('who calls without it inside one gets an answer in time, and leaves nothing behind', async () => {
    const engine = await openEngine(storeOf(), { limits: { databaseTimeoutMs: 300 } });
    const { operations } = engine;
    const user = newUser();
    const calls = [
      () => operations.start('import', { as: user }, () => 1),
      () => operations.run('import', { as: user }, () => 1),
    ];
    await storeOf().transaction(async (tx) => {
      await tx.query('select 1');
      for (const call of calls) {
        // on Postgres another connection does it
        // oxlint-disable-next-line no-await-in-loop
        if (storeOf().name === 'Postgres') await call();
        // oxlint-disable-next-line no-await-in-loop
        else await expect(call()).rejects.toThrow(OperationStoreError);
      }
    });
    if (storeOf().name === 'PGlite') await expectNothing(engine, storeOf(), user);
  });
}

/** No operation of theirs is there, and nobody was told of one. */
async function expectNothing(
  { database, outlet }: TestEngine,
  store: TestStore,
  user: OperationPrincipal,
): Promise<void> {
  await expectSoon(async () => {
    await database.idle();
    const count =
      'select count(*)::integer as count from trunkline.operations where tenant_id = $1';
    return await sql(store, count, [tenantOf(user)]);
  }).toEqual([{ count: 0 }]);
  expect(outlet.messages.filter(isOf(user))).toEqual([]);
}
