import { expect, test } from 'vitest';
import { flapping } from '../lab/operations/flapping.ts';
import { needs, postgresForTests } from '../services/for-tests.ts';

// The lab's `operations-flapping` at the smallest size.

const postgres = await postgresForTests();

test('pages whose connections break all the time show in the end what the store has', {
  ...needs(postgres),
  timeout: 60_000,
}, async () => {
  const story = await flapping({
    ground: { kind: 'postgres', url: await postgres.database() },
    tenants: 2,
    users: 10,
    operations: 20,
    sharedOf: 4,
    steps: 100,
    stepMs: 30,
    cancels: 5,
    breaks: { fromMs: 200, toMs: 1500 },
    processes: 1,
    cores: 'any',
    seed: 1,
    settleMs: 10_000,
  });
  expect(story.misses).toEqual([]);
  expect(story.pages).toBe(40);
  expect(story.compared).toBeGreaterThan(100);
});
