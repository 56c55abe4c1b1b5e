import { type OperationHandle, type Progress, UserFacingError } from '@trunkline/operations';
import { expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { colleagueOf, newUser, type StoreOf } from '../store.ts';

/** Operations that are parts of others. */
export function describeChildren(storeOf: StoreOf): void {
  /** A parent in a test's hands. */
  async function parent() {
    const engine = await openEngine(storeOf());
    const as = newUser();
    const controlled = new ControlledWork();
    const options = { as, audience: 'tenant' } as const;
    const { id } = await engine.operations.start('migration', options, controlled.work);
    const op = await controlled.begun;
    const percentageOf = () =>
      engine.outlet
        .of(id)
        .map(({ data }) => (data as Progress).percentage)
        .findLast((percentage) => percentage !== undefined);
    return { ...engine, as, id, op, controlled, percentageOf };
  }

  test('a child is an operation of its own, of the same owner and audience', async () => {
    const { operations, op, as, id } = await parent();
    const result = await op.run('part', { label: 'Part 1', labels: { part: '1' } }, (child) => {
      expect(child.id).not.toBe(id);
      return 'done';
    });
    expect(result).toBe('done');
    const bob = colleagueOf(as, 'bob');
    const { operations: children } = await operations.list({ parentId: id }, { as: bob });
    expect(children).toMatchObject([
      { type: 'part', label: 'Part 1', parentId: id, ownerId: 'anna', state: 'succeeded' },
    ]);
  });

  test('their progress is the parent’s, by their weights', async () => {
    const { op, percentageOf } = await parent();
    op.expectChildren(4);
    const controlled = new ControlledWork();
    const heavy = op.run('heavy', { weight: 3 }, controlled.work);
    await (await controlled.begun).progress({ percentage: 50 });
    await expectSoon(percentageOf).toBe(37.5);
    await (await controlled.begun).progress({ percentage: 40, message: 'going back' });
    await op.run('light', {}, () => 'done');
    await expectSoon(percentageOf).toBe(62.5);
    controlled.succeed(null);
    await heavy;
    await expectSoon(percentageOf).toBe(100);
  });

  test('what grandchildren do counts too, and what is no percentage does not', async () => {
    const { op, percentageOf } = await parent();
    await op.run('middle', {}, async (middle) => {
      middle.expectChildren(2);
      middle.expectChildren(Number.NaN);
      middle.expectChildren(-1);
      await middle.run('leaf', {}, async (leaf) => {
        await leaf.progress(null as never);
        await leaf.progress({ percentage: 'x' as never, message: 'Reading' });
        await leaf.progress({ percentage: 60 });
        await expectSoon(percentageOf).toBe(30);
      });
      await expectSoon(percentageOf).toBe(50);
    });
    await expectSoon(percentageOf).toBe(100);
  });

  test('what a child fails with, the parent may do something about', async () => {
    const { operations, op, as, id, percentageOf } = await parent();
    const error = new UserFacingError('Line 3 is empty');
    const part = op.run('part', {}, async (child) => {
      await child.progress({ percentage: 50 });
      throw error;
    });
    await expect(part).rejects.toBe(error);
    expect(await operations.list({ parentId: id }, { as })).toMatchObject({
      operations: [{ state: 'failed', error: { message: 'Line 3 is empty' } }],
    });
    expect(await operations.get(id, { as })).toMatchObject({ state: 'running' });
    await expectSoon(percentageOf).toBe(50);
  });

  /** A child that runs, and goes on when its parent does not. */
  async function beginPart(op: OperationHandle) {
    const controlled = new ControlledWork();
    const part = op.run('part', {}, controlled.work).catch(() => {});
    return { part, controlled, ...(await controlled.begun) };
  }

  test('cancelling the parent cancels its children, and theirs', async () => {
    const { operations, outlet, op, as, id, controlled } = await parent();
    const middle = await beginPart(op);
    const leaf = await beginPart(await middle.controlled.begun);
    await operations.cancel(id, { as });
    for (const { signal } of [middle, leaf]) expect(signal.reason.code).toBe('OPERATION_CANCELLED');
    leaf.controlled.fail(leaf.signal.reason);
    await outlet.state(leaf.id, 'cancelled');
    middle.controlled.fail(middle.signal.reason);
    await outlet.state(middle.id, 'cancelled');
    controlled.fail(op.signal.reason);
    await outlet.state(id, 'cancelled');
  });

  test('a child that is being stored while its parent is cancelled, is cancelled', async () => {
    const { operations, database, op, as, id } = await parent();
    database.break('hangs', /insert into trunkline\.operations/);
    const controlled = new ControlledWork();
    const part = op.run('part', {}, controlled.work);
    await expectSoon(() => database.count(/insert into trunkline\.operations/)).toBe(2);
    await operations.cancel(id, { as });
    database.heal();
    const { signal } = await controlled.begun;
    expect(signal.reason?.code).toBe('OPERATION_CANCELLED');
    controlled.fail(signal.reason);
    await expect(part).rejects.toThrow('The operation was cancelled');
  });

  test('one child can be cancelled, and the parent not', async () => {
    const { operations, outlet, op, as } = await parent();
    const part = await beginPart(op);
    await operations.cancel(part.id, { as });
    expect(part.signal.aborted).toBe(true);
    expect(op.signal.aborted).toBe(false);
    part.controlled.fail(part.signal.reason);
    await outlet.state(part.id, 'cancelled');
  });

  test('a parent that is to stop begins no further child', async () => {
    const { operations, op, as, id } = await parent();
    await operations.cancel(id, { as });
    await expect(op.run('part', {}, () => 1)).rejects.toThrow('The operation was cancelled');
    expect((await operations.list({ parentId: id }, { as })).operations).toEqual([]);
  });

  test('children do not count against the limits of who started their parent', async () => {
    const engine = await openEngine(storeOf(), { limits: { maxActivePerUser: 1 } });
    const as = newUser();
    const parts = engine.operations.run('migration', { as }, (op) =>
      Promise.all([1, 2, 3].map((part) => op.run('part', {}, () => part))),
    );
    expect(await parts).toEqual([1, 2, 3]);
  });

  test('a child’s own work finds its own handle', async () => {
    const { currentOperation } = await import('@trunkline/operations');
    const { op, id } = await parent();
    expect(() => currentOperation()).toThrow('was called outside any operation');
    await op.run('part', {}, async (part) => {
      await Promise.resolve();
      expect(currentOperation()).toBe(part);
      expect(currentOperation().id).not.toBe(id);
    });
  });
}
