import {
  defineOperation,
  IdempotencyConflictError,
  OperationFailedError,
  UserFacingError,
} from '@trunkline/operations';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { HintBus } from '../hint-bus.ts';
import { colleagueOf, newUser, type StoreOf, sql } from '../store.ts';

/** What the same key twice means. */
export function describeIdempotency(storeOf: StoreOf): void {
  test('50 starts at once with one key are one operation, whose work is done once', async () => {
    const { operations, outlet } = await openEngine(storeOf());
    const other = await openEngine(storeOf());
    const as = newUser();
    let runs = 0;
    const starts = Array.from({ length: 50 }, (_, index) =>
      (index % 2 === 0 ? operations : other.operations).start(
        'import',
        { as, idempotencyKey: 'click', input: { file: 'a.csv' } },
        () => (runs += 1),
      ),
    );
    const ids = new Set((await Promise.all(starts)).map(({ id }) => id));
    expect(ids.size).toBe(1);
    const [id] = ids as unknown as [string];
    await Promise.race([outlet.state(id, 'succeeded'), other.outlet.state(id, 'succeeded')]);
    expect(runs).toBe(1);
    const { operations: all } = await operations.list({}, { as });
    expect(all).toHaveLength(1);
    const told = [...outlet.of(id), ...other.outlet.of(id)].map(({ data }) => data.seq);
    expect(told).toEqual([1, 2]);
  });

  test('50 runs at once with one key all get the result of the one that works', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    let runs = 0;
    const results = await Promise.all(
      Array.from({ length: 50 }, () =>
        operations.run('import', { as, idempotencyKey: 'click' }, async () => {
          await Promise.resolve();
          return { run: (runs += 1) };
        }),
      ),
    );
    expect(results).toEqual(Array.from({ length: 50 }, () => ({ run: 1 })));
  });

  test('who runs one that another process runs already gets its result', async () => {
    const [first, second] = [await openEngine(storeOf()), await openEngine(storeOf())];
    const options = { as: newUser(), idempotencyKey: 'k' };
    const controlled = new ControlledWork<string>();
    const running = first.operations.run('import', options, controlled.work);
    await controlled.begun;
    const joining = second.operations.run('import', options, () => 'not this');
    controlled.succeed('this');
    expect(await running).toBe('this');
    expect(await joining).toBe('this');
  });

  test('where processes give hints, who waits for another one hears of its end at once', async () => {
    const bus = new HintBus();
    const [first, second] = [
      await openEngine(storeOf(), { hints: bus.hints() }),
      await openEngine(storeOf(), { hints: bus.hints() }),
    ];
    const as = newUser();
    const since = performance.now();
    for (let n = 0; n < 6; n += 1) {
      const options = { as, idempotencyKey: `k-${n}` };
      const controlled = new ControlledWork<number>();
      const running = first.operations.run('import', options, controlled.work);
      await controlled.begun;
      const joining = second.operations.run('import', options, () => -1);
      controlled.succeed(n);
      expect(await Promise.all([running, joining])).toEqual([n, n]);
    }
    // each look by itself comes half a second behind the one before
    expect(performance.now() - since).toBeLessThan(2_000);
  });

  test('who runs one that another process runs already gets its failure', async () => {
    const [first, second] = [await openEngine(storeOf()), await openEngine(storeOf())];
    const options = { as: newUser(), idempotencyKey: 'k' };
    const controlled = new ControlledWork();
    const running = first.operations.run('import', options, controlled.work);
    await controlled.begun;
    const joining = second.operations.run('import', options, () => 'not this');
    controlled.fail(new UserFacingError('Line 3 is empty', { code: 'empty' }));
    await expect(running).rejects.toThrow(UserFacingError);
    const error: unknown = await joining.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OperationFailedError);
    expect(error).toMatchObject({
      message: 'Line 3 is empty',
      code: 'empty',
      state: 'failed',
      retryable: false,
    });
  });

  test('one that is gone while somebody waits for it is waited for no longer', async () => {
    const [first, second] = [await openEngine(storeOf()), await openEngine(storeOf())];
    const options = { as: newUser(), idempotencyKey: 'k' };
    const controlled = new ControlledWork();
    const { id } = await first.operations.start('import', options, controlled.work);
    const joining = second.operations.run('import', options, () => 'not this');
    await expectSoon(() => second.database.count(/idempotency_key/)).toBeGreaterThan(2);
    await second.database.idle();
    const outcome = joining.catch((error: unknown) => error);
    await sql(storeOf(), 'delete from trunkline.operations where id = $1', [id]);
    expect(await outcome).toMatchObject({ code: 'OPERATION_NOT_FOUND' });
    controlled.succeed(null);
  });

  test('one that has ended is the same still, within the window', async () => {
    const { operations } = await openEngine(storeOf());
    const options = { as: newUser(), idempotencyKey: 'k' };
    expect(await operations.run('import', options, () => 1)).toBe(1);
    expect(await operations.run('import', options, () => 2)).toBe(1);
    const again = await operations.start('import', options, () => 3);
    expect(again).toMatchObject({ state: 'succeeded', result: 1 });
  });

  test('behind the window the key is free, unless its operation still runs', async () => {
    const { operations } = await openEngine(storeOf(), { limits: { idempotencyWindowMs: 60_000 } });
    const options = { as: newUser(), idempotencyKey: 'k' };
    const before = `now() - interval '61 seconds'`;
    const age = `update trunkline.operations set created_at = ${before},
      finished_at = case when finished_at is not null then ${before} end where id = $1`;
    const first = await operations.start('import', options, () => 1);
    await operations.wait(first.id, options);
    await sql(storeOf(), age, [first.id]);
    const controlled = new ControlledWork();
    const second = await operations.start('import', options, controlled.work);
    expect(second.id).not.toBe(first.id);
    await sql(storeOf(), age, [second.id]);
    const third = await operations.start('import', options, () => 3);
    expect(third.id).toBe(second.id);
    controlled.succeed(null);
  });

  test('with another input it is refused', async () => {
    const { operations } = await openEngine(storeOf());
    const options = { as: newUser(), idempotencyKey: 'k' };
    await operations.run('import', { ...options, input: { a: 1, b: [2] } }, () => 1);
    const same = await operations.run('import', { ...options, input: { b: [2], a: 1 } }, () => 2);
    expect(same).toBe(1);
    for (const input of [{ a: 1 }, { a: 1, b: [3] }, null, undefined, 'x']) {
      const start = operations.start('import', { ...options, input }, () => 2);
      // oxlint-disable-next-line no-await-in-loop
      await expect(start).rejects.toThrow(IdempotencyConflictError);
    }
  });

  test('an input is compared as it was given, not as a schema reads it', async () => {
    const { operations } = await openEngine(storeOf());
    const input = z.object({ count: z.number().default(1) });
    const definition = defineOperation('import', { input });
    const options = { as: newUser(), idempotencyKey: 'k', input: {} as never };
    await operations.run(definition, options, () => 1);
    expect(await operations.run(definition, options, () => 2)).toBe(1);
  });

  test('it is another operation for another user, tenant, or type', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const start = async (type: string, user: typeof as) =>
      await operations.start(type, { as: user, idempotencyKey: 'k' }, () => 1);
    const started = [
      await start('import', as),
      await start('export', as),
      await start('import', colleagueOf(as, 'bob')),
      await start('import', newUser()),
      await start('import', { ...as, realm: { kind: 'platform' } }),
      await start('import', as),
    ];
    expect(new Set(started.map(({ id }) => id)).size).toBe(5);
    expect(started[5]?.id).toBe(started[0]?.id);
    await sql(storeOf(), `delete from trunkline.operations where realm = 'platform'`);
  });

  test.each(['', 'x'.repeat(256), 'a\0b', 7])('%j is no key', async (idempotencyKey) => {
    const { operations } = await openEngine(storeOf());
    const options = { as: newUser(), idempotencyKey: idempotencyKey as string };
    await expect(operations.start('import', options, () => 1)).rejects.toThrow(
      'An idempotency key is',
    );
  });
}
