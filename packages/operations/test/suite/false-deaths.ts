import { LeaseLostError, UserFacingError } from '@trunkline/operations';
import { describe, expect, test } from 'vitest';
import { ControlledWork } from '../controlled-work.ts';
import { openEngine, SHORT_LEASE } from '../engine.ts';
import { expectSoon } from '../expect-soon.ts';
import { openPair, pairedImport } from '../pair.ts';
import { newUser, type StoreOf, sql } from '../store.ts';

const { leaseMs } = SHORT_LEASE;
const definition = pairedImport;

/** What must not cost a process its operations, and how it goes on when it has lost its lease. */
export function describeFalseDeaths(storeOf: StoreOf): void {
  const open = (options: Parameters<typeof openEngine>[1] = {}) =>
    openEngine(storeOf(), { limits: SHORT_LEASE, ...options });

  const pair = () => openPair(storeOf);

  test('an event loop that stands still for less than the lease costs nothing', async () => {
    const { owner, other, as, id, controlled, signal } = await pair();
    const until = performance.now() + 0.6 * leaseMs;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, leaseMs));
    expect(signal.aborted).toBe(false);
    controlled.succeed('done');
    await owner.outlet.state(id, 'succeeded');
    expect(await other.operations.get(id, { as })).toMatchObject({ seq: 2 });
    expect(other.outlet.messages).toEqual([]);
  });

  test('one connection that hangs does not cost the lease', async () => {
    const { owner, other, id, controlled, signal } = await pair();
    owner.database.break('hangs', /update trunkline\.workers/);
    const before = owner.database.count(/update trunkline\.workers/);
    await expectSoon(() => owner.database.count(/update trunkline\.workers/)).toBe(before + 1);
    owner.database.strand();
    await new Promise((resolve) => setTimeout(resolve, 1.5 * leaseMs));
    expect(signal.aborted).toBe(false);
    controlled.succeed('done');
    await owner.outlet.state(id, 'succeeded');
    expect(other.outlet.messages).toEqual([]);
  });

  describe('a database that was away for longer than a lease', () => {
    test.each(['refuses', 'hangs'] as const)('and %s, has killed nobody', async (fault) => {
      const { owner, other, as, id, controlled, signal } = await pair();
      for (const { database } of [owner, other]) database.break(fault);
      await new Promise((resolve) => setTimeout(resolve, 1.2 * leaseMs));
      // whoever sweeps comes first
      other.database.heal();
      await other.database.idle();
      owner.database.heal();
      await new Promise((resolve) => setTimeout(resolve, 0.5 * leaseMs));
      expect(await other.operations.get(id, { as })).toMatchObject({ state: 'running', seq: 1 });
      expect(signal.aborted).toBe(false);
      controlled.succeed('done');
      await owner.outlet.state(id, 'succeeded');
      expect(other.outlet.messages).toEqual([]);
    });

    test('and where a process begins now, has killed nobody', async () => {
      const { owner, other, as, id, controlled, signal } = await pair();
      for (const { database } of [owner, other]) database.break('refuses');
      await new Promise((resolve) => setTimeout(resolve, 1.2 * leaseMs));
      const third = await open();
      for (const { database } of [owner, other]) database.heal();
      await new Promise((resolve) => setTimeout(resolve, leaseMs));
      expect(await third.operations.get(id, { as })).toMatchObject({ state: 'running', seq: 1 });
      expect(signal.aborted).toBe(false);
      controlled.succeed('done');
    });
  });

  describe('a process that was taken for dead, and has not noticed yet', () => {
    /** Its lease is gone, as if another process had taken it. */
    async function robbed() {
      const [engine, other] = [await open(), await open()];
      await sql(storeOf(), 'delete from trunkline.workers');
      return { ...engine, other, as: newUser() };
    }

    test('can start what stays its own', async () => {
      const { operations, outlet, other, as } = await robbed();
      const controlled = new ControlledWork();
      const { id } = await operations.start('import', { as }, controlled.work);
      const { signal } = await controlled.begun;
      await new Promise((resolve) => setTimeout(resolve, leaseMs));
      expect(await operations.get(id, { as })).toMatchObject({ state: 'running', seq: 1 });
      expect(signal.aborted).toBe(false);
      controlled.succeed('done');
      await outlet.state(id, 'succeeded');
      expect(other.outlet.messages).toEqual([]);
    });

    test('can start it in a transaction', async () => {
      const { operations, outlet, as } = await robbed();
      const controlled = new ControlledWork();
      const { id } = await storeOf().transaction((tx) =>
        operations.start('import', { as, tx }, controlled.work),
      );
      await controlled.begun;
      await new Promise((resolve) => setTimeout(resolve, leaseMs));
      controlled.succeed('done');
      expect((await outlet.state(id, 'succeeded')).data).toMatchObject({ result: 'done' });
    });

    test('can try one again', async () => {
      const { operations, outlet, as } = await robbed();
      const second = new ControlledWork();
      operations.handle(definition, (op) => {
        if (op.attempt === 1) throw new UserFacingError('No', { retryable: true });
        return second.work(op);
      });
      const { id } = await operations.start(definition, { as });
      await operations.wait(id, { as });
      await sql(storeOf(), 'delete from trunkline.workers');
      await operations.retry(id, { as });
      await second.begun;
      await new Promise((resolve) => setTimeout(resolve, leaseMs));
      second.succeed('done');
      const { data } = await outlet.state(id, 'succeeded');
      expect(data).toMatchObject({ attempt: 2 });
    });

    test('learns it, also when the database fails just then', async () => {
      const { operations, database, as } = await robbed();
      const controlled = new ControlledWork();
      await operations.start('import', { as }, controlled.work);
      const { signal } = await controlled.begun;
      database.break('refuses', /insert into trunkline\.workers/);
      await sql(storeOf(), 'delete from trunkline.workers');
      const refused = database.count(/insert into trunkline\.workers/);
      await expectSoon(() => database.count(/insert into trunkline\.workers/)).toBeGreaterThan(
        refused + 1,
      );
      database.heal();
      await expectSoon(() => signal.reason).toBeInstanceOf(LeaseLostError);
    });
  });
}
