import { expect, test } from 'vitest';
import { type CrashPlan, crash } from '../lab/operations/crash.ts';
import { needs, postgresForTests } from '../services/for-tests.ts';
import { TemporaryFolder } from '../services/temporary-folder.ts';

// The lab's `operations-crash` at the smallest size.

const postgres = await postgresForTests();
const plan: Omit<CrashPlan, 'ground'> = {
  heir: 'itself',
  operations: 20,
  owners: 5,
  hasDurable: true,
  steps: 20,
  stepMs: 100,
  leaseMs: 1500,
  cores: 'any',
  seed: 1,
  settleMs: 8000,
};

test.concurrent('a killed server’s operations crash or begin again, and no page goes back', {
  ...needs(postgres),
  timeout: 60_000,
}, async () => {
  const ground = { kind: 'postgres', url: await postgres.database() } as const;
  const story = await crash({ ...plan, ground });
  expect(story.misses).toEqual([]);
  expect(story).toMatchObject({ crashed: 10, durable: 10, retried: 10 });
  expect(story.rowChecks).toBeGreaterThan(50);
});

test.concurrent('a server that has its PGlite for itself knows at once what its predecessor has left', {
  timeout: 60_000,
}, async ({ onTestFinished }) => {
  const folder = await TemporaryFolder.make('pglite');
  onTestFinished(() => folder.remove());
  const ground = { kind: 'pglite', folder: `${folder.path}/data` } as const;
  const story = await crash({
    ...plan,
    ground,
    operations: 10,
    owners: 3,
    steps: 12,
    leaseMs: 30_000,
  });
  expect(story.misses).toEqual([]);
  expect(story).toMatchObject({ crashed: 5, durable: 5, retried: 5 });
  expect(story.crashedMs.at(-1)).toBeLessThan(25_000);
});
