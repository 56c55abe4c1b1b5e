import type { Progress } from '@trunkline/operations';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine } from '../engine.ts';
import { newUser, type StoreOf } from '../store.ts';

const WRITE = /^\s*(insert into|update) trunkline\.operations/;

/** What op.progress writes and tells, and what it costs. */
export function describeProgress(storeOf: StoreOf): void {
  /** An operation that runs, and the engine that it runs in. */
  async function running(type = 'user-import') {
    const engine = await openEngine(storeOf());
    const user = newUser();
    const controlled = new ControlledWork();
    const { id } = await engine.operations.start(type, { as: user }, controlled.work);
    const op = await controlled.begun;
    return { ...engine, user, controlled, id, op };
  }

  test('the row comes first, the event behind it says the same', async () => {
    const { operations, outlet, user, op, id } = await running();
    await op.progress({ percentage: 30, stage: 'reading', message: 'Row 3' });
    const { data } = await outlet.until(
      ({ event }) => event.data.operationId === id && event.data.seq === 2,
    );
    const snapshot = await operations.get(id, { as: user });
    expect(data).toMatchObject({ percentage: 30, stage: 'reading', message: 'Row 3' });
    expect(snapshot).toMatchObject({ percentage: 30, stage: 'reading', message: 'Row 3', seq: 2 });
    expect(data).toMatchObject({ updatedAt: snapshot.updatedAt, createdAt: snapshot.createdAt });
  });

  test('what a later call leaves out stays as it was', async () => {
    const { outlet, controlled, op, id } = await running();
    void op.progress({ percentage: 30, stage: 'reading', message: 'Row 3' });
    await outlet.until(({ event }) => event.data.seq === 2);
    void op.progress({ percentage: 40 });
    const { data } = await outlet.until(({ event }) => event.data.seq === 3);
    expect(data).toMatchObject({ percentage: 40, stage: 'reading', message: 'Row 3' });
    controlled.succeed(null);
    const end = await outlet.state(id, 'succeeded');
    expect(end.data).toMatchObject({ seq: 4 });
  });

  test('a thousand calls in a second are at most five writes, and the newest is told last', async () => {
    const { outlet, database, controlled, op, id } = await running();
    const until = performance.now() + 1000;
    let last = 0;
    while (performance.now() < until) {
      last += 0.0001;
      await op.progress({ percentage: last });
      // oxlint-disable-next-line no-await-in-loop -- the work of a real one gives way too
      await new Promise(setImmediate);
    }
    await outlet.until(({ event }) => (event.data as Progress).percentage === last);
    // the insert; at once, and then every 250 ms
    expect(database.count(WRITE)).toBeLessThanOrEqual(1 + 1 + 4 + 1);
    expect(outlet.of(id).length).toBe(database.count(WRITE));
    controlled.succeed(null);
    await outlet.state(id, 'succeeded');
  });

  test('every stage is told, with a number of its own; of the percentages of a stage the newest', async () => {
    const { outlet, database, controlled, op, id } = await running();
    for (const stage of ['reading', 'checking', 'writing']) {
      for (const percentage of [10, 20, 30]) void op.progress({ stage, percentage });
    }
    void op.progress({ message: 'Nearly there' });
    await outlet.until(({ event }) => event.data.seq === 4);
    const told = outlet.of(id).map(({ data }) => data as Progress & { seq: number });
    expect(told.map(({ seq, stage, percentage }) => [seq, stage, percentage])).toEqual([
      [1, undefined, undefined],
      [2, 'reading', 30],
      [3, 'checking', 30],
      [4, 'writing', 30],
    ]);
    expect(told.at(-1)).toMatchObject({ message: 'Nearly there' });
    expect(database.count(WRITE)).toBe(2);
    controlled.succeed(null);
    await outlet.state(id, 'succeeded');
  });

  test('stages that an end overtakes are told before it, as running', async () => {
    const { operations, outlet } = await openEngine(storeOf());
    await operations.run('import', { as: newUser() }, (op) => {
      void op.progress({ stage: 'reading', percentage: 10 });
      void op.progress({ stage: 'writing', percentage: 20 });
      return 'done';
    });
    const end = await outlet.until(({ event }) => event.type === 'operation:complete');
    const told = outlet.of(end.data.operationId).map(({ data }) => data);
    expect(told).toMatchObject([
      { seq: 1, state: 'running' },
      { seq: 2, state: 'running', stage: 'reading', percentage: 10 },
      { seq: 3, state: 'running', stage: 'writing', percentage: 20 },
      { seq: 4, state: 'succeeded', result: 'done' },
    ]);
  });

  test('nothing is written or told behind the end', async () => {
    const { operations, outlet, database, user, controlled, op, id } = await running();
    void op.progress({ percentage: 50 });
    controlled.succeed('done');
    await outlet.state(id, 'succeeded');
    const written = database.count(WRITE);
    await op.progress({ percentage: 60, stage: 'late' });
    expect(await operations.get(id, { as: user })).toMatchObject({ seq: 3, percentage: 100 });
    await database.idle();
    expect(database.count(WRITE)).toBe(written);
    expect(outlet.of(id).at(-1)?.data).toMatchObject({ state: 'succeeded', seq: 3 });
  });

  test('whatever it is given, it resolves, and the work goes on', async () => {
    const { outlet, database, controlled, op, id } = await running();
    const hostile = [null, undefined, 3, 'x', [], { percentage: Symbol('x') }, { percentage: 10n }];
    const trap = {
      get percentage(): number {
        throw new Error('no');
      },
    };
    for (const garbage of [...hostile, trap]) await op.progress(garbage as never);
    await database.idle();
    expect(database.count(WRITE)).toBe(1);
    await fc.assert(
      fc.asyncProperty(fc.anything(), async (garbage) => {
        await op.progress(garbage as never);
        await op.progress({ percentage: garbage, stage: garbage, message: garbage } as never);
      }),
    );
    await op.progress({ percentage: 77, message: 'a\0b\ud800c', stage: 'x'.repeat(5000) });
    const { data } = await outlet.until(({ event }) => (event.data as Progress).percentage === 77);
    const { stage, message } = data as Progress;
    expect(message).toBe('a\ufffdb\ufffdc');
    expect(stage).toHaveLength(100);
    controlled.succeed(null);
    await outlet.state(id, 'succeeded');
  });

  test('a text is not cut in the middle of a character', async () => {
    const { outlet, op } = await running();
    await op.progress({ message: `${'x'.repeat(998)}👍👍` });
    const { data } = await outlet.until(({ event }) => 'message' in event.data);
    expect((data as Progress).message).toBe(`${'x'.repeat(998)}…`);
  });

  test.each([
    [140, 100],
    [-5, 0],
    ['45', 45],
    [Number.POSITIVE_INFINITY, 100],
    [33.25, 33.25],
  ])('%s %% is kept as %s', async (given, kept) => {
    const { outlet, op } = await running();
    await op.progress({ percentage: given as number });
    const { data } = await outlet.until(({ event }) => event.data.seq === 2);
    expect((data as Progress).percentage).toBe(kept);
  });

  describe('what an operation costs', () => {
    test('a short one: two statements', async () => {
      const { operations, database, outlet } = await openEngine(storeOf());
      const before = database.statements.length;
      await operations.run('short', { as: newUser() }, () => 'done');
      expect(database.statements.slice(before)).toHaveLength(2);
      await outlet.until(({ event }) => event.type === 'operation:complete');
    });

    test('one that tells a percentage and ends: three', async () => {
      const { operations, database } = await openEngine(storeOf());
      const before = database.count(WRITE);
      await operations.run('short', { as: newUser() }, async (op) => {
        await op.progress({ percentage: 50 });
      });
      expect(database.count(WRITE) - before).toBeLessThanOrEqual(3);
    });
  });
}
