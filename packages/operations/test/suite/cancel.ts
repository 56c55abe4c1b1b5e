import {
  OperationCancelledError,
  type OperationPrincipal,
  OperationStateError,
  UserFacingError,
} from '@trunkline/operations';
import { expect, test } from 'vitest';
import { ControlledWork, untilAborted } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { HintBus } from '../hint-bus.ts';
import { newUser, type StoreOf } from '../store.ts';

/** What becomes of an operation that somebody wants to stop. */
export function describeCancel(storeOf: StoreOf): void {
  async function startedWork(options: { cancelGraceMs?: number; as?: OperationPrincipal } = {}) {
    const { cancelGraceMs = 30_000, as = newUser() } = options;
    const engine = await openEngine(storeOf(), { limits: { cancelGraceMs } });
    const controlled = new ControlledWork();
    const { id } = await engine.operations.start('import', { as }, controlled.work);
    const { signal } = await controlled.begun;
    return { ...engine, as, id, controlled, signal };
  }

  test('in the process where it runs it is told at once', async () => {
    const { operations, outlet, as, id, controlled, signal } = await startedWork();
    const cancelling = await operations.cancel(id, { as });
    expect(cancelling).toMatchObject({ state: 'cancelling', isCancellable: false, seq: 2 });
    expect(signal.reason).toBeInstanceOf(OperationCancelledError);
    controlled.fail(signal.reason);
    const { data, type, metadata } = await outlet.state(id, 'cancelled');
    expect(type).toBe('operation:error');
    expect(metadata).toEqual({ message: 'Import cancelled' });
    expect(data).toMatchObject({
      seq: 3,
      error: { code: 'cancelled', message: 'Cancelled', retryable: true },
    });
    expect(outlet.of(id).map(({ data: { state } }) => state)).toEqual([
      'running',
      'cancelling',
      'cancelled',
    ]);
  });

  test('from another process it is told within a second or so', async () => {
    const { outlet, as, id, signal, controlled } = await startedWork();
    const other = await openEngine(storeOf());
    const aborted = new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    const since = performance.now();
    await other.operations.cancel(id, { as });
    await aborted;
    expect(performance.now() - since).toBeLessThan(2500);
    expect(signal.reason).toBeInstanceOf(OperationCancelledError);
    expect(other.outlet.of(id).map(({ data }) => data.state)).toEqual(['cancelling']);
    controlled.fail(signal.reason);
    await outlet.state(id, 'cancelled');
  });

  test('from another process that gives hints it is told at once', async () => {
    const bus = new HintBus();
    const owner = await openEngine(storeOf(), { hints: bus.hints() });
    const other = await openEngine(storeOf(), { hints: bus.hints() });
    const as = newUser();
    const since = performance.now();
    const ids: string[] = [];
    for (let n = 0; n < 4; n += 1) {
      const controlled = new ControlledWork();
      const { id } = await owner.operations.start('import', { as }, controlled.work);
      const { signal } = await controlled.begun;
      const aborted = new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
      });
      await other.operations.cancel(id, { as });
      await aborted;
      ids.push(id);
    }
    // each look by itself comes a second behind the one before
    expect(performance.now() - since).toBeLessThan(2_000);
    expect(bus.told).toEqual(ids);
  });

  test('a hint about nothing, or about what nobody has cancelled, does nothing', async () => {
    const bus = new HintBus();
    const { operations, outlet } = await openEngine(storeOf(), { hints: bus.hints() });
    const controlled = new ControlledWork();
    const { id } = await operations.start('import', { as: newUser() }, controlled.work);
    const { signal } = await controlled.begun;
    for (const hint of [id, id, 'nothing', '']) bus.hints().tell(hint);
    controlled.succeed('done');
    await outlet.state(id, 'succeeded');
    expect(signal.aborted).toBe(false);
  });

  test('work that finishes anyway has succeeded', async () => {
    const { operations, outlet, as, id, controlled } = await startedWork();
    await operations.cancel(id, { as });
    controlled.succeed('done');
    const { data } = await outlet.state(id, 'succeeded');
    expect(data).toMatchObject({ seq: 3, result: 'done' });
    expect(await operations.get(id, { as })).not.toHaveProperty('error');
  });

  test('work that fails of its own with a text for users has failed', async () => {
    const { operations, outlet, as, id, controlled } = await startedWork();
    await operations.cancel(id, { as });
    controlled.fail(new UserFacingError('Half of it is imported'));
    const { data } = await outlet.state(id, 'failed');
    expect(data).toMatchObject({ error: { message: 'Half of it is imported' } });
  });

  test('work that does not stop goes on, and says so', async () => {
    const { operations, outlet, log, as, id, controlled } = await startedWork({
      cancelGraceMs: 50,
    });
    await operations.cancel(id, { as });
    const { data } = await outlet.until(
      ({ event }) => event.data.state === 'running' && event.data.seq === 3,
    );
    expect(data).toMatchObject({ message: 'It could not be cancelled', isCancellable: false });
    expect(log.of('operation_not_cancelled')).toEqual([{ operation: id, afterMs: 50 }]);
    await expect(operations.cancel(id, { as })).rejects.toThrow('it is not cancellable');
    controlled.succeed('done');
    expect((await outlet.state(id, 'succeeded')).data).toMatchObject({ seq: 4 });
  });

  test('that it did not stop is said when the database is back', async () => {
    const { operations, database, outlet, log, as, id } = await startedWork({ cancelGraceMs: 100 });
    await operations.cancel(id, { as });
    database.break('refuses', /has_refused_cancel = true/);
    await expectSoon(() => log.of('operation_write_failed')).toMatchObject([{ operation: id }]);
    database.heal();
    await outlet.until(({ event }) => event.data.state === 'running' && event.data.seq === 3);
    expect(log.of('operation_not_cancelled')).toHaveLength(1);
  });

  test('of work that has just ended nobody says that it did not stop', async () => {
    const { operations, database, outlet, log, as, id, controlled } = await startedWork({
      cancelGraceMs: 50,
    });
    await operations.cancel(id, { as });
    database.break('hangs', /has_refused_cancel = true/);
    await expectSoon(() => database.count(/has_refused_cancel = true/)).toBe(1);
    controlled.succeed('done');
    await outlet.state(id, 'succeeded');
    database.heal();
    await database.idle();
    expect(log.of('operation_not_cancelled')).toEqual([]);
    expect(await operations.get(id, { as })).toMatchObject({ state: 'succeeded', seq: 3 });
  });

  test('one that cannot be cancelled says so, and is not told', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const controlled = new ControlledWork();
    const options = { as, cancellable: false };
    const { id, isCancellable } = await operations.start('import', options, controlled.work);
    expect(isCancellable).toBe(false);
    const refused: unknown = await operations.cancel(id, { as }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OperationStateError);
    expect(refused).toMatchObject({ code: 'NOT_CANCELLABLE', state: 'running' });
    expect((await controlled.begun).signal.aborted).toBe(false);
    controlled.succeed(null);
    await operations.wait(id, { as });
    const late: unknown = await operations.cancel(id, { as }).catch((error: unknown) => error);
    expect(late).toMatchObject({ code: 'NOT_CANCELLABLE', state: 'succeeded' });
  });

  test('however often and by however many it is cancelled, it is cancelled once', async () => {
    const { operations, outlet, as, id, signal, controlled } = await startedWork();
    const other = await openEngine(storeOf());
    const cancels = Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? operations : other.operations).cancel(id, { as }),
    );
    const answers = await Promise.all(cancels);
    for (const answer of answers) expect(answer).toMatchObject({ state: 'cancelling', seq: 2 });
    expect(await operations.cancel(id, { as })).toMatchObject({ state: 'cancelling', seq: 2 });
    await expectSoon(() => signal.aborted).toBe(true);
    controlled.fail(signal.reason);
    await outlet.state(id, 'cancelled');
    await expect(operations.cancel(id, { as })).rejects.toThrow('it has ended: cancelled');
  });

  test('whoever waits for it gets the reason', async () => {
    const { operations } = await openEngine(storeOf());
    const as = newUser();
    const running = operations.run('import', { as }, untilAborted);
    const outcome = running.catch((error: unknown) => error);
    const active = async () => (await operations.list({ state: 'active' }, { as })).operations[0];
    await expectSoon(active).toBeDefined();
    await operations.cancel((await active())?.id ?? '', { as });
    expect(await outcome).toBeInstanceOf(OperationCancelledError);
  });
}
