import {
  defineOperation,
  type OperationPrincipal,
  OperationStateError,
  TooManyOperationsError,
  UserFacingError,
} from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { deleteEnded } from '../../src/store.ts';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { colleagueOf, newUser, type StoreOf, sql } from '../store.ts';

/** Trying again, how many there may be at once, and how long they are kept. */
export function describeRetry(storeOf: StoreOf): void {
  const definition = defineOperation('import', { retryable: true, label: 'Import' });

  test('the next attempt is the same operation, done by the handler on behalf of its owner', async () => {
    const actors: OperationPrincipal[] = [];
    const { operations, outlet } = await openEngine(storeOf(), {
      context: {
        ownerOf: () => expect.fail('not asked'),
        callerOf: () => expect.fail('not asked'),
        runAs: (principal, fn) => {
          actors.push(principal);
          return fn();
        },
      },
    });
    const as = newUser('staff');
    const admin = colleagueOf(as, 'dan', 'admins');
    operations.handle(definition, async ({ attempt, input }) => {
      if (attempt < 3) throw new UserFacingError(`No ${attempt}`, { retryable: true });
      return { attempt, input };
    });
    const { id } = await operations.start(definition, { as, input: { file: 'a.csv' } });
    expect(await operations.wait(id, { as })).toMatchObject({ isRetryable: true, attempt: 1 });
    const second = await operations.retry(id, { as });
    expect(second).toMatchObject({ id, state: 'running', attempt: 2, maxAttempts: 2, seq: 3 });
    expect(second).not.toHaveProperty('error');
    expect(second).not.toHaveProperty('finishedAt');
    await operations.wait(id, { as });
    await operations.retry(id, { as: admin });
    const end = await outlet.state(id, 'succeeded');
    expect(end.data).toMatchObject({
      attempt: 3,
      result: { attempt: 3, input: { file: 'a.csv' } },
    });
    expect(actors).toEqual([as, as, as]);
    const told = outlet.of(id).map(({ data }) => [data.seq, data.attempt, data.state]);
    expect(told).toEqual([
      [1, 1, 'running'],
      [2, 1, 'failed'],
      [3, 2, 'running'],
      [4, 2, 'failed'],
      [5, 3, 'running'],
      [6, 3, 'succeeded'],
    ]);
  });

  test('a cancelled one can be tried again', async () => {
    const { operations, outlet } = await openEngine(storeOf());
    const as = newUser();
    const attempts = [new ControlledWork(), new ControlledWork()];
    operations.handle(definition, (op) => attempts[op.attempt - 1]?.work(op));
    const { id } = await operations.start(definition, { as });
    const first = await attempts[0].begun;
    await operations.cancel(id, { as });
    attempts[0].fail(first.signal.reason);
    await outlet.state(id, 'cancelled');
    await operations.retry(id, { as });
    const second = await attempts[1].begun;
    expect(second.signal.aborted).toBe(false);
    await operations.cancel(id, { as });
    expect(second.signal.aborted).toBe(true);
    attempts[1].succeed('done');
    await outlet.state(id, 'succeeded');
  });

  test('one that did not stop when it was told to can be cancelled in its next attempt', async () => {
    const { operations, outlet } = await openEngine(storeOf(), { limits: { cancelGraceMs: 20 } });
    const as = newUser();
    const attempts = [new ControlledWork(), new ControlledWork()];
    operations.handle(definition, (op) => attempts[op.attempt - 1]?.work(op));
    const { id } = await operations.start(definition, { as });
    await attempts[0].begun;
    await operations.cancel(id, { as });
    await outlet.until(({ event }) => event.data.seq === 3);
    attempts[0].fail(new Error('x'));
    await outlet.until(({ event }) => event.data.seq === 4);
    expect(await operations.retry(id, { as })).toMatchObject({ isCancellable: true });
    attempts[1].succeed(null);
  });

  test('who tries it again twice at once, does so once', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const second = new ControlledWork();
    let runs = 0;
    operations.handle(definition, (op) => {
      runs += 1;
      if (op.attempt > 1) return second.work(op);
      throw new UserFacingError('No', { retryable: true });
    });
    const { id } = await operations.start(definition, { as });
    await operations.wait(id, { as });
    const both = await Promise.allSettled([
      operations.retry(id, { as }),
      operations.retry(id, { as }),
    ]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    second.succeed(null);
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', attempt: 2 });
    expect(runs).toBe(2);
  });

  test.each<[string, object, () => unknown, string]>([
    [
      'one that was not started so',
      { retryable: false },
      () => Promise.reject(new Error('x')),
      'failed',
    ],
    ['one that has succeeded', {}, () => 'done', 'succeeded'],
    [
      'one whose error will be the same again',
      {},
      () => Promise.reject(new UserFacingError('No')),
      'failed',
    ],
  ])('%s is not tried again', async (_, options, work, state) => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    operations.handle(definition, work);
    const { id } = await operations.start(definition, { as, ...options });
    expect(await operations.wait(id, { as })).toMatchObject({ state, isRetryable: false });
    const refused: unknown = await operations.retry(id, { as }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OperationStateError);
    expect(refused).toMatchObject({ code: 'NOT_RETRYABLE', state });
    expect(await operations.get(id, { as })).toMatchObject({ state, attempt: 1, seq: 2 });
  });

  test('one that runs is not tried again', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const controlled = new ControlledWork();
    operations.handle(definition, controlled.work);
    const { id } = await operations.start(definition, { as });
    await expect(operations.retry(id, { as })).rejects.toThrow(
      /cannot be tried again: it is running/,
    );
    controlled.succeed(null);
  });

  test('without a handler nothing is promised, and nothing tried', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const failing = () => Promise.reject(new Error('x'));
    const { id } = await operations.start(definition, { as }, failing);
    expect(await operations.wait(id, { as })).toMatchObject({ isRetryable: false });
    const remove = operations.handle(definition, failing);
    const second = await operations.start(definition, { as });
    expect(await operations.wait(second.id, { as })).toMatchObject({ isRetryable: true });
    remove();
    await expect(operations.retry(second.id, { as })).rejects.toThrow('cannot be tried again here');
    expect(await operations.get(second.id, { as })).toMatchObject({ attempt: 1 });
    await expect(operations.start(definition, { as })).rejects.toThrow('has no handler');
  });

  test('a type has one handler', async () => {
    const { operations } = await openEngine(storeOf());
    const remove = operations.handle(definition, () => 1);
    expect(() => operations.handle(definition, () => 2)).toThrow('have a handler already');
    remove();
    operations.handle(definition, () => 3);
  });

  describe('limits', () => {
    const work = () => new Promise(() => {});

    test('of one user, and of one tenant', async () => {
      const limits = { maxActivePerUser: 2, maxActivePerTenant: 3 };
      const { operations } = await openEngine(storeOf(), { limits });
      const [anna, bob] = [newUser(), 'bob'];
      const as = { anna, bob: colleagueOf(anna, bob), stranger: newUser() };
      const start = (who: keyof typeof as) => operations.start('import', { as: as[who] }, work);
      await start('anna');
      const { id } = await start('anna');
      await expect(start('anna')).rejects.toThrow(TooManyOperationsError);
      await expect(start('anna')).rejects.toThrow('The user has 2 operations that have not ended');
      await start('bob');
      await expect(start('bob')).rejects.toThrow('The tenant has 3 operations');
      await start('stranger');
      await sql(storeOf(), 'delete from trunkline.operations where id = $1', [id]);
      await start('anna');
    });

    test('who asks for one that there is already is not refused', async () => {
      const { operations } = await openEngine(storeOf(), { limits: { maxActivePerUser: 1 } });
      const options = { as: newUser(), idempotencyKey: 'k' };
      const first = await operations.start('import', options, work);
      expect(await operations.start('import', options, work)).toMatchObject({ id: first.id });
      const other = operations.start('import', { ...options, idempotencyKey: 'l' }, work);
      await expect(other).rejects.toThrow(TooManyOperationsError);
    });

    test.each([
      [{ leaseMs: 0 }],
      [{ leaseMs: -1 }],
      [{ leaseMs: Number.NaN }],
      [{ databaseTimeoutMs: Number.POSITIVE_INFINITY }],
      [{ cancelGraceMs: 2 ** 31 }],
      [{ retentionMs: '5' }],
      [{ leaseSeconds: 5 }],
    ])('%j is none', async (limits) => {
      const opening = openEngine(storeOf(), { limits: limits as never });
      await expect(opening).rejects.toThrow(TypeError);
    });

    test.each([Number.NaN, -1, '5s'])('nobody waits for %s milliseconds', async (timeoutMs) => {
      const { operations } = await openEngine(storeOf());
      const as = newUser();
      const { id } = await operations.start('import', { as }, work);
      const waiting = operations.wait(id, { as, timeoutMs: timeoutMs as number });
      await expect(waiting).rejects.toThrow('timeoutMs is a number from 0');
      expect(await operations.wait(id, { as, timeoutMs: 1 })).toMatchObject({ state: 'running' });
    });
  });

  test('what has ended is kept as long as was said, and its parts with it', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const run = () => operations.run('migration', { as }, (op) => op.run('part', {}, () => 1));
    await run();
    await run();
    const running = await operations.start('import', { as }, () => new Promise(() => {}));
    const { operations: all } = await operations.list({ type: 'migration' }, { as });
    const age = `update trunkline.operations set created_at = now() - interval '9 days',
      finished_at = case when finished_at is not null then now() - interval '9 days' end
      where id = any($1)`;
    await sql(storeOf(), age, [[all[1]?.id, running.id]]);
    expect(await deleteEnded(storeOf().database, 10 * 86_400_000, 100)).toBe(0);
    expect(await deleteEnded(storeOf().database, 8 * 86_400_000, 100)).toBe(1);
    const { operations: left } = await operations.list({}, { as });
    expect(left.map(({ type }) => type).toSorted()).toEqual(['import', 'migration', 'part']);
  });
}
