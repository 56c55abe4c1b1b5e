import type { PGlite } from '@electric-sql/pglite';
import { defineOperation, fromPglite } from '@trunkline/operations';
import { bullmqRunner } from '@trunkline/operations/bullmq';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs, ownRedisForTests, redisForTests } from '../../../test/services/for-tests.ts';
import { MemoryLog, openEngine } from './engine.ts';
import { bullmqUnderTest, newType, type QueueUnderTest, storeOf } from './runner-under-test.ts';
import { newPglite, newUser } from './store.ts';
import { describeHandover } from './suite/handover.ts';
import { describeWork } from './suite/work.ts';

const redis = await redisForTests();
const ownRedis = ownRedisForTests();

let pglite: PGlite;
beforeAll(async () => {
  pglite = await newPglite();
});
afterAll(() => pglite.close());

describe('BullMQ', needs(redis), () => {
  let underTest: QueueUnderTest;
  beforeAll(() => {
    underTest = bullmqUnderTest(fromPglite(pglite), redis.keyspace());
  });

  describeWork(() => underTest);
  describeHandover(() => underTest);
});

describe('BullMQ with a Redis that is away', needs(ownRedis), () => {
  test('an operation is stored without it, and runs when it is back', async () => {
    const server = await ownRedis.start();
    const log = new MemoryLog();
    const runner = bullmqRunner({ connection: { url: server.url }, log });
    const store = storeOf(fromPglite(pglite));
    const { operations } = await openEngine(store, { runner, limits: { overdueMs: 400 } });
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => 'done');
    const before = await operations.start(type, { as, durable: true });
    await operations.wait(before.id, { as });
    await expect(runner.check?.()).resolves.toBeUndefined();

    await server.kill9();
    const from = performance.now();
    const { id, state } = await operations.start(type, { as, durable: true });
    expect(state).toBe('queued');
    expect(performance.now() - from).toBeLessThan(8000);
    await expect(runner.check?.()).rejects.toThrow(/max retries|timed out|did not answer/);

    await server.start();
    expect(await operations.wait(id, { as })).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  test('a Redis that does not answer is not waited for', async () => {
    const server = await ownRedis.start();
    const runner = bullmqRunner({ connection: { url: server.url }, log: new MemoryLog() });
    const store = storeOf(fromPglite(pglite));
    const { operations } = await openEngine(store, { runner });
    const [as, type] = [newUser(), newType()];
    operations.handle(defineOperation(type), () => 'done');
    server.pause();
    const from = performance.now();
    await operations.start(type, { as, durable: true });
    expect(performance.now() - from).toBeLessThan(8000);
    server.resume();
  });
});
