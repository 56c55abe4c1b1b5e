import type { PGlite } from '@electric-sql/pglite';
import { defineOperation, fromPglite } from '@trunkline/operations';
import { pgBossRunner } from '@trunkline/operations/pg-boss';
import { fromPglite as jobsFromPglite, PgBoss } from 'pg-boss';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ControlledWork } from './controlled-work.ts';
import { openEngine } from './engine.ts';
import { newType, pgBossUnderTest, type QueueUnderTest } from './runner-under-test.ts';
import { newPglite, newUser } from './store.ts';
import { describeHandover } from './suite/handover.ts';
import { describeWork } from './suite/work.ts';

describe('pg-boss on PGlite', () => {
  let pglite: PGlite;
  let underTest: QueueUnderTest;

  beforeAll(async () => {
    pglite = await newPglite();
    underTest = pgBossUnderTest(fromPglite(pglite), { pglite });
  });
  afterAll(() => pglite.close());

  describeWork(() => underTest);
  describeHandover(() => underTest);

  test('opened again it goes on at once with what its last process has left', async () => {
    const { store } = underTest;
    const killed = await openEngine(store, { runner: underTest.runner({ concurrency: 1 }) });
    const [as, type] = [newUser(), newType()];
    const work = new ControlledWork();
    killed.operations.handle(defineOperation(type), work.work);
    const { id } = await killed.operations.start(type, { as, durable: true });
    await work.begun;
    killed.database.break('refuses');
    const next = await openEngine(store, { runner: underTest.runner(), isExclusive: true });
    expect(await next.operations.get(id, { as })).toMatchObject({ state: 'queued', attempt: 2 });
    next.operations.handle(defineOperation(type), ({ attempt }) => `attempt ${attempt}`);
    const ended = { state: 'succeeded', result: 'attempt 2' };
    expect(await next.operations.wait(id, { as })).toMatchObject(ended);
    work.succeed(null);
  });

  test('what waits begins when the one before it has ended, without a look at the clock', async () => {
    const runner = pgBossRunner({ pglite, concurrency: 1, pollingIntervalMs: 60_000 });
    const { operations } = await openEngine(underTest.store, { runner });
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), ({ input }) => input);
    const starting = [1, 2, 3].map((input) => operations.start(type, { as, durable: true, input }));
    const started = await Promise.all(starting);
    const ended = await Promise.all(started.map(({ id }) => operations.wait(id, { as })));
    expect(ended.map(({ result }) => result)).toEqual([1, 2, 3]);
  });

  test('a pg-boss of the app’s own is used, and not stopped', async () => {
    const boss = new PgBoss({ db: jobsFromPglite(pglite), backend: 'pglite', supervise: false });
    const runner = pgBossRunner({ boss });
    const { operations } = await openEngine(underTest.store, { runner });
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => 'done');
    const { id } = await operations.start(type, { as, durable: true });
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded' });
    await operations.close();
    expect(await boss.getQueue(`trunkline.${type}`)).toMatchObject({ policy: 'exclusive' });
    await boss.stop();
  });

  test('it says which database it needs', () => {
    expect(() => pgBossRunner({})).toThrow('one of pglite, connectionString and boss');
    const both = { pglite, connectionString: 'postgres://192.0.2.1/app' };
    expect(() => pgBossRunner(both)).toThrow('It got 2 of them');
  });
});
