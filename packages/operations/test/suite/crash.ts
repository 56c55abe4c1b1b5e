import { defineOperation, LeaseLostError, ShutdownError } from '@trunkline/operations';
import { expect, test, vi } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, SHORT_LEASE } from '../engine.ts';
import { newType, type RunnerUnderTest } from '../runner-under-test.ts';
import { newUser } from '../store.ts';

/** What becomes of work that nobody else can go on with, when its process ends. */
export function describeCrash(underTest: () => RunnerUnderTest): void {
  test('where a process has died, another one says so', async () => {
    const limits = SHORT_LEASE;
    const { store } = underTest();
    const [dying, living] = [
      await openEngine(store, { limits }),
      await openEngine(store, { limits }),
    ];
    const [as, type] = [newUser(), newType()];
    const lost = new ControlledWork();
    dying.operations.handle(defineOperation(type), lost.work);
    const { id } = await dying.operations.start(type, { as });
    const { signal } = await lost.begun;
    dying.database.break('refuses');
    await living.outlet.state(id, 'crashed');
    dying.database.heal();
    await vi.waitFor(() => expect(signal.aborted).toBe(true), 10_000);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    lost.fail(signal.reason);
    expect(await living.operations.get(id, { as })).toMatchObject({
      ...{ state: 'crashed', attempt: 1 },
      error: { code: 'crashed', retryable: true },
    });
  });

  test('a process that is stopped says so of what it has not finished', async () => {
    const { store } = underTest();
    const [stopping, other] = [await openEngine(store), await openEngine(store)];
    const [as, type] = [newUser(), newType()];
    const work = new ControlledWork();
    stopping.operations.handle(defineOperation(type), work.work);
    const { id } = await stopping.operations.start(type, { as });
    const { signal } = await work.begun;
    signal.addEventListener('abort', () => work.fail(signal.reason));
    await stopping.operations.close({ graceMs: 1 });
    expect(signal.reason).toBeInstanceOf(ShutdownError);
    const ended = { state: 'crashed', error: { message: 'The server was stopped' } };
    expect(await other.operations.get(id, { as })).toMatchObject(ended);
  });
}
