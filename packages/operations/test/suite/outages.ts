import {
  defineOperation,
  OperationStoreError,
  type Progress,
  UserFacingError,
} from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { FakeRunner } from '../fake-runner.ts';
import { isOf, newUser, type StoreOf, sql, tenantOf } from '../store.ts';

const INSERT = /insert into trunkline\.operations/;
const END = /result_ref = \$10/;
const limits = { databaseTimeoutMs: 300, endWaitMs: 200 };

/** What calls and work do while the database is away, and what is there when it is back (T28). */
export function describeOutages(storeOf: StoreOf): void {
  const open = (options: Parameters<typeof openEngine>[1] = {}) =>
    openEngine(storeOf(), { limits, ...options });

  /** Work that runs, in a test's hands. */
  async function startedWork(options: { durable?: boolean } = {}) {
    const engine = await open({ runner: new FakeRunner() });
    const as = newUser();
    const controlled = new ControlledWork();
    const type = defineOperation('import', { retryable: true });
    engine.operations.handle(type, controlled.work);
    const { id } = await engine.operations.start(type, { as, ...options });
    return { ...engine, as, id, controlled, op: await controlled.begun };
  }

  const stored = async (as: ReturnType<typeof newUser>) =>
    await sql(
      storeOf(),
      'select id, state::text as state from trunkline.operations where tenant_id = $1',
      [tenantOf(as)],
    );

  describe.each(['refuses', 'hangs', 'loses answers'] as const)(
    'before an operation is stored, it %s',
    (fault) => {
      test.each(['start', 'run'] as const)(
        '%s says so, and leaves nothing behind',
        async (method) => {
          const { operations, database, outlet } = await open();
          const as = newUser();
          database.break(fault, INSERT);
          let hasRun = false;
          const since = performance.now();
          const calling: Promise<unknown> = operations[method](
            'import',
            { as },
            () => (hasRun = true),
          );
          const error: unknown = await calling.catch((reason: unknown) => reason);
          expect(error).toBeInstanceOf(OperationStoreError);
          expect((error as Error).message).toMatch(
            /^The database (did not answer within 300 ms|of the operations failed: conn)/i,
          );
          expect(performance.now() - since).toBeLessThan(5000);
          database.heal();
          await expectSoon(() => stored(as)).toEqual([]);
          expect(hasRun).toBe(false);
          expect(outlet.messages.filter(isOf(as))).toEqual([]);
        },
      );

      test('the same key works when it is back', async () => {
        const { operations, database } = await open();
        const options = { as: newUser(), idempotencyKey: 'k' };
        database.break(fault, INSERT);
        const first = operations.run('import', options, () => 1);
        await expect(first).rejects.toThrow(OperationStoreError);
        database.heal();
        const again = () => operations.run('import', options, () => 2).catch(String);
        await expectSoon(again).toBe(2);
      });
    },
  );

  test('the same key works, also when its answer got lost in a longer outage', async () => {
    const { operations, database } = await open();
    const options = { as: newUser(), idempotencyKey: 'k' };
    database.break('loses answers', INSERT);
    const first = operations.run('import', options, () => 1).catch((error: unknown) => error);
    await expectSoon(() => database.count(INSERT)).toBe(1);
    database.break('refuses');
    expect(await first).toBeInstanceOf(OperationStoreError);
    await new Promise((resolve) => setTimeout(resolve, 400));
    database.heal();
    const again = () => operations.run('import', options, () => 2).catch(String);
    await expectSoon(again).toBe(2);
  });

  test('no other call waits for it for ever', async () => {
    const { operations, database, as, id, controlled } = await startedWork();
    database.break('hangs');
    const calls = {
      get: () => operations.get(id, { as }),
      list: () => operations.list({}, { as }),
      wait: () => operations.wait(id, { as }),
      cancel: () => operations.cancel(id, { as }),
      retry: () => operations.retry(id, { as }),
      markSeen: () => operations.markSeen([id], { as }),
    };
    for (const call of Object.values(calls)) {
      // oxlint-disable-next-line no-await-in-loop
      await expect(call()).rejects.toThrow(OperationStoreError);
    }
    database.heal();
    controlled.succeed(null);
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded' });
  });

  test('who waits for the end while it goes away is told', async () => {
    const { operations, database, as, id, controlled } = await startedWork();
    const waiting = operations.wait(id, { as }).catch((error: unknown) => error);
    await database.idle();
    database.break('hangs');
    expect(await waiting).toBeInstanceOf(OperationStoreError);
    database.heal();
    controlled.succeed(null);
  });

  test('a cancel that is late is a cancel, and told', async () => {
    const { operations, database, outlet, as, id, op, controlled } = await startedWork();
    database.break('hangs', /then 'cancelled' else 'cancelling'/);
    await expect(operations.cancel(id, { as })).rejects.toThrow(OperationStoreError);
    database.heal();
    await outlet.state(id, 'cancelling');
    expect(op.signal.aborted).toBe(true);
    controlled.fail(op.signal.reason);
    await outlet.state(id, 'cancelled');
  });

  describe.each(['refuses', 'hangs'] as const)('while work goes on, it %s', (fault) => {
    test('the newest is written and told when it is back', async () => {
      const { database, outlet, op, id } = await startedWork();
      database.break(fault);
      for (let percentage = 1; percentage <= 40; percentage += 1) {
        void op.progress({ percentage, stage: percentage < 20 ? 'first' : 'second' });
        // oxlint-disable-next-line no-await-in-loop -- so that writes are tried
        if (percentage % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 80));
      }
      expect(outlet.of(id)).toHaveLength(1);
      database.heal();
      await outlet.until(({ event }) => (event.data as Progress).percentage === 40);
      const told = outlet.of(id).map(({ data }) => data as Progress & { seq: number });
      expect(told.map(({ seq }) => seq)).toEqual(told.map((_, index) => index + 1));
      expect(told.length).toBeLessThanOrEqual(4);
      expect([...new Set(told.map(({ stage }) => stage))]).toEqual([undefined, 'first', 'second']);
    });

    test('a hundred stages are bounded', async () => {
      const { database, outlet, op, id } = await startedWork();
      database.break(fault);
      for (let stage = 1; stage <= 100; stage += 1) void op.progress({ stage: `stage ${stage}` });
      database.heal();
      await outlet.until(({ event }) => (event.data as Progress).stage === 'stage 100');
      const told = outlet.of(id).map(({ data }) => (data as Progress).stage);
      expect(told.slice(-50)).toEqual(Array.from({ length: 50 }, (_, n) => `stage ${n + 51}`));
      expect(outlet.of(id).length).toBeLessThanOrEqual(100);
    });

    test('who waits for the work waits little longer, and the end is written later, once', async () => {
      const { operations, database, outlet } = await open();
      const as = newUser();
      const since = performance.now();
      const result = await operations.run('import', { as }, () => {
        database.break(fault);
        return 'done';
      });
      expect(result).toBe('done');
      expect(performance.now() - since).toBeLessThan(limits.endWaitMs + 3000);
      expect(outlet.messages.filter(isOf(as))).toHaveLength(1);
      expect(operations.stats.running).toBe(1);
      database.heal();
      const { data } = await outlet.until(({ event }) => event.type === 'operation:complete');
      expect(data).toMatchObject({ seq: 2, result: 'done' });
      await database.idle();
      await expectSoon(() => operations.stats.running).toBe(0);
      expect(outlet.messages.filter(isOf(as))).toHaveLength(2);
      expect(await stored(as)).toMatchObject([{ state: 'succeeded' }]);
    });

    test('a failure is a failure of the work, not of the database', async () => {
      const { operations, database, outlet } = await open();
      const as = newUser();
      const error = new UserFacingError('Line 3 is empty');
      const running = operations.run('import', { as }, () => {
        database.break(fault);
        throw error;
      });
      await expect(running).rejects.toBe(error);
      database.heal();
      await outlet.until(({ event }) => event.data.state === 'failed');
      expect(outlet.messages.filter(isOf(as))).toHaveLength(2);
    });

    test('a durable operation whose work needed it too is tried again', async () => {
      const { database, outlet, id, controlled, as } = await startedWork({ durable: true });
      database.break(fault);
      controlled.fail(new Error('connect ECONNREFUSED'));
      await new Promise((resolve) => setTimeout(resolve, 300));
      database.heal();
      await outlet.until(({ event }) => event.data.state === 'queued' && event.data.attempt === 2);
      expect(outlet.of(id).map(({ data }) => data.state)).not.toContain('failed');
      expect(await stored(as)).toHaveLength(1);
    });
  });

  test('an end whose answer gets lost is no second end', async () => {
    const { operations, database, outlet } = await open();
    const as = newUser();
    const since = performance.now();
    const running = operations.run('import', { as }, () => {
      database.break('loses answers', END);
      return 'done';
    });
    await expectSoon(() => database.count(END)).toBeGreaterThan(1);
    database.heal();
    expect(await running).toBe('done');
    expect(performance.now() - since).toBeLessThan(5000);
    const { data } = await outlet.until(({ event }) => event.type === 'operation:complete');
    expect(data).toMatchObject({ seq: 2, state: 'succeeded', result: 'done' });
    await database.idle();
    expect(outlet.messages.filter(isOf(as))).toHaveLength(2);
    const { operations: all } = await operations.list({}, { as });
    expect(all).toMatchObject([{ seq: 2, attempt: 1, state: 'succeeded' }]);
  });

  test('a beginning in a transaction that it missed is made up for', async () => {
    const { operations, database, outlet } = await open();
    const as = newUser();
    database.break('refuses', /set state = 'running', worker_id = \$2/);
    const { id } = await storeOf().transaction((tx) =>
      operations.start('import', { as, tx }, () => 'done'),
    );
    await expectSoon(() =>
      database.count(/set state = 'running', worker_id = \$2/),
    ).toBeGreaterThan(0);
    database.heal();
    await outlet.state(id, 'succeeded');
  });
}
