// What two of them do at the same moment: each of these went wrong once.
import { setTimeout as wait } from 'node:timers/promises';
import { defineOperation, type OperationJob, ShutdownError } from '@trunkline/operations';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ControlledWork, untilAborted } from './controlled-work.ts';
import { openEngine, SHORT_LEASE } from './engine.ts';
import { FakeRunner } from './fake-runner.ts';
import { newUser, sql, type TestStore } from './store.ts';
import { openPgliteStore } from './stores.ts';

const INSERT = /insert into trunkline\.operations/;
const durableImport = defineOperation('import', { retryable: true });

let store: TestStore;
beforeAll(async () => {
  store = await openPgliteStore();
});
afterAll(() => store.close());

test('of many that come when a key is free again, one starts anew and the others get that one', async () => {
  const { operations } = await openEngine(store, { limits: { idempotencyWindowMs: 1 } });
  const options = { as: newUser(), idempotencyKey: 'daily' };
  const old = await operations.start('import', options, () => 1);
  await operations.wait(old.id, options);
  const controlled = new ControlledWork();
  const starts = Array.from({ length: 8 }, () =>
    operations.start('import', options, controlled.work),
  );
  const ids = new Set((await Promise.all(starts)).map(({ id }) => id));
  expect(ids.size).toBe(1);
  expect(ids).not.toContain(old.id);
  controlled.succeed(null);
});

test('a queue that refuses keeps nobody from finding out who is dead', async () => {
  class RefusingRunner extends FakeRunner {
    override async enqueue(job: OperationJob): Promise<void> {
      if (job.attempt > 1) throw new Error('Queue does not exist');
      await super.enqueue(job);
    }
  }
  const runner = new RefusingRunner();
  const { operations } = await openEngine(store, { runner, limits: SHORT_LEASE });
  const as = newUser();
  operations.handle(durableImport, untilAborted);
  const plain = await operations.start('report', { as }, untilAborted);
  const durable = await operations.start(durableImport, { as, durable: true });
  const stateOf = async (id: string) => (await operations.get(id, { as })).state;
  await expect.poll(() => stateOf(durable.id)).toBe('running');
  await sql(store, 'delete from trunkline.workers');
  await expect.poll(() => stateOf(plain.id), { timeout: 10_000 }).toBe('crashed');
  expect(await stateOf(durable.id)).toBe('queued');
});

test('when it has closed, nothing asks the database any more', async () => {
  const { operations, database } = await openEngine(store);
  const as = newUser();
  await operations.start('import', { as }, untilAborted);
  database.break('refuses');
  await operations.close({ graceMs: 1 });
  const asked = database.statements.length;
  await wait(700);
  expect(database.statements.length).toBe(asked);
});

test('the parts of an operation do not count as operations of their own', async () => {
  const { operations } = await openEngine(store, { limits: { maxActivePerUser: 2 } });
  const as = newUser();
  const parts = [new ControlledWork(), new ControlledWork()];
  await operations.start('whole', { as }, async (op) => {
    await Promise.all(parts.map((part) => op.run('part', {}, part.work)));
  });
  await Promise.all(parts.map(({ begun }) => begun));
  const second = operations.start('import', { as }, () => 1);
  await expect(second).resolves.toMatchObject({ type: 'import' });
  for (const part of parts) part.succeed(null);
});

test('what was taken back to a savepoint is told to nobody', async () => {
  const { operations, outlet } = await openEngine(store, {
    runner: new FakeRunner({ isTransactional: true }),
  });
  const as = newUser();
  operations.handle(durableImport, () => 1);
  const [undone, kept] = await store.transaction(async (tx) => {
    await tx.query('savepoint before');
    const first = await operations.start(durableImport, { as, tx, durable: true });
    await tx.query('rollback to savepoint before');
    return [first, await operations.start(durableImport, { as, tx, durable: true })] as const;
  });
  await outlet.state(kept.id, 'queued');
  expect(outlet.of(undone.id)).toEqual([]);
});

test('what is being stored when it closes does not begin', async () => {
  const { operations, database } = await openEngine(store);
  const as = newUser();
  let hasRun = false;
  database.break('hangs', INSERT);
  const starting = operations.start('import', { as }, () => (hasRun = true));
  const refusal = starting.catch((error: unknown) => error);
  await expect.poll(() => database.count(INSERT)).toBe(1);
  await operations.close({ graceMs: 1 });
  database.heal();
  expect(await refusal).toBeInstanceOf(ShutdownError);
  await database.idle();
  expect(hasRun).toBe(false);
});

test('who waits for the end of something elsewhere is let go when it closes, or when they leave', async () => {
  const { operations: elsewhere } = await openEngine(store);
  const { operations } = await openEngine(store);
  const as = newUser();
  const controlled = new ControlledWork();
  const { id } = await elsewhere.start('import', { as }, controlled.work);
  const leaving = new AbortController();
  const left = operations.wait(id, { as, timeoutMs: 60_000, signal: leaving.signal });
  leaving.abort();
  await expect(left).resolves.toMatchObject({ state: 'running' });
  const waiting = operations.wait(id, { as, timeoutMs: 60_000 });
  await operations.close({ graceMs: 1 });
  await expect(waiting).resolves.toMatchObject({ state: 'running' });
  controlled.succeed(null);
});

test('a job whose handler has been taken away stays for a process that has one', async () => {
  const runner = new FakeRunner({ isTransactional: true });
  const { operations } = await openEngine(store, { runner });
  const as = newUser();
  const remove = operations.handle(durableImport, () => 1);
  const { id } = await operations.start(durableImport, { as, durable: true });
  remove();
  await expect(runner.bring({ operationId: id, type: 'import' })).rejects.toThrow('no handler');
  expect(await operations.get(id, { as })).toMatchObject({ state: 'queued', attempt: 1 });
});

test('who has cancelled a durable operation sees it cancelled, also when it fails at that moment', async () => {
  const { operations: elsewhere } = await openEngine(store);
  const runner = new FakeRunner();
  const { operations } = await openEngine(store, { runner });
  const as = newUser();
  const controlled = new ControlledWork();
  operations.handle(durableImport, controlled.work);
  const { id } = await operations.start(durableImport, { as, durable: true });
  await controlled.begun;
  await elsewhere.cancel(id, { as });
  controlled.fail(new Error('broken'));
  expect(await operations.wait(id, { as })).toMatchObject({ state: 'cancelled', attempt: 1 });
});

test('opened on hold, it takes durable work when it is told to begin', async () => {
  const runner = new FakeRunner();
  const { operations } = await openEngine(store, { runner, isPaused: true });
  const as = newUser();
  operations.handle(durableImport, () => 1);
  const { id } = await operations.start(durableImport, { as, durable: true });
  expect((await operations.get(id, { as })).state).toBe('queued');
  await operations.begin();
  await runner.bring({ operationId: id, type: 'import' });
  expect((await operations.get(id, { as })).state).toBe('succeeded');
});
