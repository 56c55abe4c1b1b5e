import { defineOperation, OperationCancelledError, ShutdownError } from '@trunkline/operations';
import { expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { FakeRunner } from '../fake-runner.ts';
import { newUser, type StoreOf } from '../store.ts';

const definition = defineOperation('import', { retryable: true });

/** How a process says goodbye. */
export function describeShutdown(storeOf: StoreOf): void {
  async function running(options: Parameters<typeof openEngine>[1] & { durable?: boolean } = {}) {
    const { durable = false, ...own } = options;
    const runner = new FakeRunner();
    const engine = await openEngine(storeOf(), { runner, ...own });
    const observer = await openEngine(storeOf());
    const as = newUser();
    const controlled = new ControlledWork();
    engine.operations.handle(definition, controlled.work);
    const { id } = await engine.operations.start(definition, { as, durable });
    return { ...engine, runner, observer, as, id, controlled, op: await controlled.begun };
  }

  test.each([20_000, Number.POSITIVE_INFINITY])(
    'what runs may finish, in %s ms',
    async (graceMs) => {
      const { operations, outlet, id, controlled, op } = await running();
      const closing = operations.close({ graceMs });
      await op.progress({ percentage: 90 });
      await outlet.until(({ event }) => event.data.seq === 2);
      expect(op.signal.aborted).toBe(false);
      controlled.succeed('done');
      await closing;
      expect(outlet.of(id).at(-1)?.data).toMatchObject({ state: 'succeeded', result: 'done' });
    },
  );

  test('its parts too, and those that it has not begun yet', async () => {
    const { operations, outlet, id, controlled, op } = await running();
    const part = new ControlledWork();
    const first = op.run('part', {}, part.work);
    await part.begun;
    const closing = operations.close({ graceMs: 20_000 });
    part.succeed(1);
    await first;
    expect(await op.run('part', {}, () => 2)).toBe(2);
    controlled.succeed('done');
    await closing;
    expect(outlet.of(id).at(-1)?.data).toMatchObject({ state: 'succeeded' });
  });

  test('what does not has crashed, at once and with the reason, and is told so', async () => {
    const { operations, outlet, observer, as, id, controlled, op } = await running();
    await operations.close({ graceMs: 50 });
    expect(op.signal.reason).toBeInstanceOf(ShutdownError);
    const { data } = outlet.of(id).at(-1) ?? {};
    expect(data).toMatchObject({
      seq: 2,
      state: 'crashed',
      error: { code: 'crashed', message: 'The server was stopped', retryable: true },
    });
    expect(await observer.operations.get(id, { as })).toMatchObject({
      state: 'crashed',
      isRetryable: true,
    });
    controlled.fail(op.signal.reason);
  });

  test('its parts have crashed with it, and nobody has cancelled them', async () => {
    const { operations, observer, as, id, op } = await running();
    const part = new ControlledWork();
    const running1 = op.run('part', {}, part.work).catch(() => {});
    const child = await part.begun;
    await operations.close({ graceMs: 50 });
    expect(child.signal.reason).toBeInstanceOf(ShutdownError);
    part.fail(child.signal.reason);
    await running1;
    const { operations: parts } = await observer.operations.list({ parentId: id }, { as });
    expect(parts).toMatchObject([
      { state: 'crashed', error: { message: 'The server was stopped' } },
    ]);
  });

  test('what somebody has cancelled is cancelled', async () => {
    const { operations, observer, as, id, op } = await running();
    await operations.cancel(id, { as });
    await operations.close({ graceMs: 50 });
    expect(op.signal.reason).toBeInstanceOf(OperationCancelledError);
    expect(await observer.operations.get(id, { as })).toMatchObject({ state: 'cancelled' });
  });

  test('a durable operation waits for another process', async () => {
    const { operations, runner, observer, as, id, op } = await running({ durable: true });
    const other = await openEngine(storeOf(), { runner: new FakeRunner() });
    await operations.close({ graceMs: 50 });
    expect(op.signal.reason).toBeInstanceOf(ShutdownError);
    expect(runner.isStopped).toBe(true);
    expect(await observer.operations.get(id, { as })).toMatchObject({
      state: 'queued',
      attempt: 2,
    });
    expect(runner.jobs).toMatchObject([{ attempt: 1 }, { attempt: 2 }]);
    await other.operations.cancel(id, { as });
  });

  test('a durable operation that cannot be put back now, is when its lease ends', async () => {
    const limits = { leaseMs: 600 };
    const { operations, database, as, id } = await running({ durable: true, limits });
    const other = await openEngine(storeOf(), { runner: new FakeRunner(), limits });
    // its next attempt cannot be written, its end could
    database.break('refuses', /^begin$/);
    await operations.close({ graceMs: 50 });
    const { data } = await other.outlet.until(({ event }) => event.data.state === 'queued');
    expect(data).toMatchObject({ attempt: 2 });
    await other.operations.cancel(id, { as });
  });

  test('nothing is begun any more', async () => {
    const { operations, as, id, controlled, runner } = await running();
    controlled.fail(new Error('x'));
    await operations.wait(id, { as });
    await operations.close({ graceMs: 50 });
    const work = () => 1;
    await expect(operations.start('import', { as }, work)).rejects.toThrow(ShutdownError);
    await expect(operations.run('import', { as }, work)).rejects.toThrow(ShutdownError);
    await expect(operations.retry(id, { as })).rejects.toThrow(ShutdownError);
    const job = runner.bring({ operationId: id, type: 'import' });
    await expect(job).rejects.toThrow('takes no more work');
    expect(await operations.get(id, { as })).toMatchObject({ state: 'failed', attempt: 1 });
  });

  test('it does not wait for ever for a database that is away, and asks it nothing more', async () => {
    const { operations, database, controlled } = await running({ limits: { endWaitMs: 50 } });
    database.break('refuses');
    controlled.succeed('done');
    const since = performance.now();
    await operations.close({ graceMs: 100 });
    expect(performance.now() - since).toBeLessThan(4000);
    const asked = database.statements.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(database.statements.length).toBe(asked);
  });

  test('an end that waits for the database is waited for', async () => {
    const { operations, database, observer, as, id, controlled } = await running({
      limits: { endWaitMs: 20 },
    });
    database.break('refuses', /result_ref = \$10/);
    controlled.succeed('done');
    await expectSoon(() => database.count(/result_ref = \$10/)).toBeGreaterThan(0);
    const closing = operations.close({ graceMs: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    database.heal();
    await closing;
    expect(await observer.operations.get(id, { as })).toMatchObject({ state: 'succeeded' });
  });

  test('who closes it twice has closed it', async () => {
    const { operations, controlled, op } = await running();
    await Promise.all([operations.close({ graceMs: 50 }), operations.close({ graceMs: 50 })]);
    await operations.close({ graceMs: 50 });
    expect(op.signal.reason).toBeInstanceOf(ShutdownError);
    controlled.fail(op.signal.reason);
  });
}
