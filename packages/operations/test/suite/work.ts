import { AsyncLocalStorage } from 'node:async_hooks';
import {
  defineOperation,
  OperationNotFoundError,
  type OperationPrincipal,
  UserFacingError,
} from '@trunkline/operations';
import { expect, test } from 'vitest';
import { ControlledWork, untilAborted } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { newType, type RunnerUnderTest } from '../runner-under-test.ts';
import { newUser } from '../store.ts';

/** What is the same wherever work runs. */
export function describeWork(underTest: () => RunnerUnderTest): void {
  const open = async (context?: Parameters<typeof openEngine>[1]) => {
    const { store } = underTest();
    const runner = underTest().runner();
    const engine = await openEngine(store, { ...(runner && { runner }), ...context });
    return { ...engine, durable: runner !== undefined };
  };

  test('the work gets its input, and what it returns is kept', async () => {
    const { operations, durable } = await open();
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), ({ input, attempt }) => ({ input, attempt }));
    const { id } = await operations.start(type, { as, durable, input: { file: 'a.csv' } });
    expect(await operations.wait(id, { as })).toMatchObject({
      ...{ state: 'succeeded', attempt: 1, isDurable: durable },
      result: { input: { file: 'a.csv' }, attempt: 1 },
    });
  });

  test('it is told as it goes, each stage, and nothing behind the end', async () => {
    const { operations, durable, outlet } = await open();
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), async (operation) => {
      await operation.progress({ percentage: 10, stage: 'reading' });
      await operation.progress({ percentage: 60, stage: 'writing' });
    });
    const { id } = await operations.start(type, { as, durable });
    await outlet.state(id, 'succeeded');
    const told = outlet.of(id).map(({ data }) => data);
    const stages = told.flatMap((data) => ('stage' in data && data.stage ? [data.stage] : []));
    expect([...new Set(stages)]).toEqual(['reading', 'writing']);
    expect(told.at(-1)).toMatchObject({ state: 'succeeded' });
    const order = told.map(({ seq }) => seq ?? 0);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  test('it runs on behalf of its owner, with the roles they had', async () => {
    const acting = new AsyncLocalStorage<OperationPrincipal>();
    const context = {
      ownerOf: () => newUser(),
      callerOf: () => ({ realm: newUser().realm, principal: null }),
      runAs: <T>(principal: OperationPrincipal, fn: () => T) => acting.run(principal, fn),
    };
    const { operations, durable } = await open({ context });
    const [as, type] = [newUser('editors', 'admins'), newType()];
    operations.handle(defineOperation(type), async () => {
      await Promise.resolve();
      return acting.getStore();
    });
    const { id } = await operations.start(type, { as, durable });
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', result: as });
  });

  test('what the user has to mend is not tried again', async () => {
    const { operations, durable } = await open();
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => {
      throw new UserFacingError('Line 3 has no e-mail address');
    });
    const { id } = await operations.start(type, { as, durable });
    expect(await operations.wait(id, { as })).toMatchObject({
      ...{ state: 'failed', attempt: 1 },
      error: { message: 'Line 3 has no e-mail address', retryable: false },
    });
  });

  test('cancelled while it runs, it is told so and ends', async () => {
    const { operations, durable, outlet } = await open();
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), untilAborted);
    const { id } = await operations.start(type, { as, durable });
    await outlet.state(id, 'running');
    await operations.cancel(id, { as });
    await outlet.state(id, 'cancelling');
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'cancelled', attempt: 1 });
  });

  test('started within a transaction, it begins when that has committed', async () => {
    const { operations, durable, outlet } = await open();
    const [as, type] = [newUser(), newType()];
    const work = new ControlledWork();
    operations.handle(defineOperation(type), work.work);
    const id = await underTest().store.transaction(async (tx) => {
      const started = await operations.start(type, { as, durable, tx });
      expect(outlet.of(started.id)).toEqual([]);
      return started.id;
    });
    await work.begun;
    work.succeed('done');
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded' });
  });

  test('of a transaction that is rolled back nothing stays, and nothing runs', async () => {
    const { operations, durable } = await open();
    const [as, type] = [newUser(), newType()];
    const inputs: unknown[] = [];
    operations.handle(defineOperation(type), ({ input }) => void inputs.push(input));
    let id = '';
    const rolledBack = underTest().store.transaction(async (tx) => {
      ({ id } = await operations.start(type, { as, durable, tx, input: 'rolled back' }));
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow('no');
    await expect(operations.get(id, { as })).rejects.toThrow(OperationNotFoundError);
    const next = await operations.start(type, { as, durable, input: 'next' });
    await operations.wait(next.id, { as });
    expect(inputs).toEqual(['next']);
  });
}
