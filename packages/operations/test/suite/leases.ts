import { LeaseLostError, UserFacingError } from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, SHORT_LEASE } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { FakeRunner } from '../fake-runner.ts';
import { openPair, pairedImport } from '../pair.ts';
import { newUser, type StoreOf } from '../store.ts';

const { leaseMs } = SHORT_LEASE;
const definition = pairedImport;

/** What becomes of operations whose process is dead, or was taken for dead. */
export function describeLeases(storeOf: StoreOf): void {
  const open = (options: Parameters<typeof openEngine>[1] = {}) =>
    openEngine(storeOf(), { limits: SHORT_LEASE, ...options });

  const pair = () => openPair(storeOf);

  test('what a dead process ran has crashed within its lease and a round', async () => {
    const { owner, other, as, id } = await pair();
    owner.database.break('refuses');
    const since = performance.now();
    const { data, metadata } = await other.outlet.state(id, 'crashed');
    expect(performance.now() - since).toBeLessThan(1.5 * leaseMs + 1000);
    expect(metadata).toEqual({ message: 'Import was interrupted' });
    expect(data).toMatchObject({
      seq: 2,
      isRetryable: true,
      error: { code: 'crashed', message: 'The server that ran it has stopped', retryable: true },
    });
    expect(other.outlet.of(id)).toHaveLength(1);
    expect(await other.operations.wait(id, { as })).toMatchObject({ state: 'crashed' });
  });

  test('who comes back too late is told, and its progress refused', async () => {
    const { owner, other, as, id, signal, controlled } = await pair();
    const op = await controlled.begun;
    owner.database.break('hangs');
    await other.outlet.state(id, 'crashed');
    await op.progress({ percentage: 90 });
    owner.database.heal();
    await expectSoon(() => signal.reason).toBeInstanceOf(LeaseLostError);
    await op.progress({ percentage: 91 });
    controlled.fail(signal.reason);
    await expectSoon(() => owner.operations.stats.running).toBe(0);
    expect(await other.operations.get(id, { as })).toMatchObject({ state: 'crashed', seq: 2 });
    expect(owner.log.of('operation_lost')).toEqual([{ operation: id, attempt: 1 }]);
    expect(owner.outlet.of(id).map(({ data }) => data.seq)).toEqual([1]);
  });

  test('what comes after that runs under a new lease', async () => {
    const { owner, other, as, id, signal } = await pair();
    owner.database.break('hangs');
    await other.outlet.state(id, 'crashed');
    owner.database.heal();
    await expectSoon(() => signal.aborted).toBe(true);
    expect(await owner.operations.run('import', { as }, () => 'done')).toBe('done');
  });

  test('a good end that comes late is the end, as long as nobody has begun again', async () => {
    const { owner, other, as, id, controlled } = await pair();
    owner.database.break('hangs');
    await other.outlet.state(id, 'crashed');
    const op = await controlled.begun;
    void op.progress({ percentage: 99, stage: 'late' });
    controlled.succeed('done');
    owner.database.heal();
    const { data } = await owner.outlet.state(id, 'succeeded');
    expect(data).toMatchObject({ attempt: 1, result: 'done' });
    const snapshot = await other.operations.get(id, { as });
    expect(snapshot).toMatchObject({ state: 'succeeded', percentage: 100 });
    expect(snapshot).not.toHaveProperty('error');
    expect(owner.outlet.of(id).map(({ data: { state } }) => state)).toEqual([
      'running',
      'succeeded',
    ]);
  });

  test('it is refused when somebody has', async () => {
    const { owner, other, as, id, controlled } = await pair();
    const second = new ControlledWork();
    other.operations.handle(definition, second.work);
    owner.database.break('hangs');
    await other.outlet.state(id, 'crashed');
    await other.operations.retry(id, { as });
    controlled.succeed('first');
    owner.database.heal();
    await expectSoon(() => owner.operations.stats.running).toBe(0);
    await owner.database.idle();
    expect(await other.operations.get(id, { as })).toMatchObject({ state: 'running', attempt: 2 });
    second.succeed('second');
    const { data } = await other.outlet.state(id, 'succeeded');
    expect(data).toMatchObject({ attempt: 2, result: 'second' });
    expect(owner.outlet.of(id)).toHaveLength(1);
  });

  test('a cancelled one whose process dies is cancelled', async () => {
    const { owner, other, as, id } = await pair();
    await other.operations.cancel(id, { as });
    owner.database.break('refuses');
    const { data } = await other.outlet.state(id, 'cancelled');
    expect(data).toMatchObject({ error: { code: 'cancelled' } });
  });

  test('the parts of what was lost are lost too, and not cancelled', async () => {
    const { owner, other, as, id, controlled } = await pair();
    const op = await controlled.begun;
    const part = new ControlledWork();
    void op.run('part', {}, part.work).catch(() => {});
    const child = await part.begun;
    owner.database.break('hangs');
    await Promise.all([other.outlet.state(id, 'crashed'), other.outlet.state(child.id, 'crashed')]);
    owner.database.heal();
    await expectSoon(() => op.signal.aborted).toBe(true);
    expect(child.signal.reason).toBeInstanceOf(LeaseLostError);
    part.fail(child.signal.reason);
    controlled.fail(op.signal.reason);
    await expectSoon(() => owner.operations.stats.running).toBe(0);
    await owner.database.idle();
    expect(await other.operations.get(child.id, { as })).toMatchObject({ state: 'crashed' });
  });

  describe('what is a process’s own by the row, and that it knows nothing of', () => {
    test('is tried again, after an attempt whose beginning it never heard of', async () => {
      const { operations, database, outlet, as } = { ...(await open()), as: newUser() };
      operations.handle(definition, ({ attempt }) => {
        if (attempt === 1) throw new UserFacingError('No', { retryable: true });
        return attempt;
      });
      const { id } = await operations.start(definition, { as });
      await operations.wait(id, { as });
      database.break('loses answers', /attempt = attempt \+ 1, max_attempts = greatest/);
      await expect(operations.retry(id, { as })).rejects.toMatchObject({ code: 'OPERATION_STORE' });
      database.heal();
      const { data } = await outlet.state(id, 'crashed');
      expect(data).toMatchObject({ attempt: 2, isRetryable: true });
      await operations.retry(id, { as });
      expect((await outlet.state(id, 'succeeded')).data).toMatchObject({ attempt: 3, result: 3 });
    });

    test('is nobody’s while it works on it, however long that says nothing', async () => {
      const { outlet, operations } = await open();
      const as = newUser();
      const controlled = new ControlledWork();
      const { id } = await operations.start('import', { as }, controlled.work);
      await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs));
      expect(await operations.get(id, { as })).toMatchObject({ state: 'running', seq: 1 });
      controlled.succeed(null);
      await outlet.state(id, 'succeeded');
    });
  });

  describe('a durable operation', () => {
    const durable = { durable: true } as const;

    test('of a dead process runs again in another one', async () => {
      const [ownRunner, otherRunner] = [new FakeRunner(), new FakeRunner()];
      const [owner, other] = [
        await open({ runner: ownRunner }),
        await open({ runner: otherRunner }),
      ];
      const as = newUser();
      const first = new ControlledWork();
      owner.operations.handle(definition, first.work);
      other.operations.handle(definition, ({ attempt, input }) => ({ attempt, input }));
      const { id } = await owner.operations.start(definition, { as, ...durable, input: 'x' });
      await first.begun;
      owner.database.break('refuses');
      const { data } = await other.outlet.state(id, 'succeeded');
      expect(data).toMatchObject({ attempt: 2, result: { attempt: 2, input: 'x' } });
      expect(other.outlet.of(id).map(({ data: { seq, state } }) => [seq, state])).toEqual([
        [3, 'queued'],
        [4, 'running'],
        [5, 'succeeded'],
      ]);
      expect(otherRunner.jobs).toMatchObject([{ operationId: id, attempt: 2, delayMs: 1000 }]);
    });

    test('has crashed when it has no attempt left', async () => {
      const [owner, other] = [await open({ runner: new FakeRunner() }), await open()];
      const as = newUser();
      const first = new ControlledWork();
      owner.operations.handle(definition, first.work);
      const options = { as, ...durable, maxAttempts: 1 };
      const { id } = await owner.operations.start(definition, options);
      await first.begun;
      owner.database.break('refuses');
      expect((await other.outlet.state(id, 'crashed')).data).toMatchObject({ attempt: 1 });
    });

    test('that a process has taken without hearing of it, runs again', async () => {
      const runner = new FakeRunner({ isTransactional: true });
      const { operations, database, outlet } = await open({ runner });
      const as = newUser();
      operations.handle(definition, ({ attempt }) => attempt);
      const { id } = await operations.start(definition, { as, ...durable });
      database.break('loses answers', /set state = 'running', worker_id = \$2/);
      await expect(runner.bring({ operationId: id, type: 'import' })).rejects.toThrow('terminated');
      database.heal();
      await outlet.until(({ event }) => event.data.state === 'queued' && event.data.attempt === 2);
      await runner.bring({ operationId: id, type: 'import' });
      expect((await outlet.state(id, 'succeeded')).data).toMatchObject({ result: 2 });
    });
  });

  test('who has the database for itself takes everything at once when it begins', async () => {
    const owner = await openEngine(storeOf());
    const as = newUser();
    const started = await Promise.all(
      [1, 2, 3].map((part) =>
        owner.operations.start(`import-${part}`, { as }, new ControlledWork().work),
      ),
    );
    owner.database.break('refuses');
    const next = await openEngine(storeOf(), { isExclusive: true });
    const { operations: all } = await next.operations.list({ state: 'crashed' }, { as });
    expect(all.map(({ id }) => id).toSorted()).toEqual(started.map(({ id }) => id).toSorted());
    await Promise.all(started.map(({ id }) => next.outlet.state(id, 'crashed')));
  });
}
