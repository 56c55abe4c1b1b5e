import { beforeAll, describe, expect, test } from 'vitest';
import { outage } from '../lab/operations/outage.ts';
import { needs, ownPostgresForTests } from '../services/for-tests.ts';
import type { PostgresServer } from '../services/postgres.ts';

// The lab's `operations-outage` at the smallest size.

const own = ownPostgresForTests();

describe('work of operations.run succeeds, and no page shows otherwise', needs(own), () => {
  const plan = {
    each: 1,
    steps: 10,
    stepMs: 80,
    awayMs: 1500,
    leaseMs: 2500,
    cores: 'any',
  } as const;
  const kinds = ['broker rejects', 'broker hangs', 'database refuses'] as const;
  const servers = new Map<string, PostgresServer>();
  beforeAll(async () => {
    const shared = await own.start();
    for (const kind of kinds) servers.set(kind, shared);
    // nobody else's may be broken
    servers.set('database refuses', await own.start());
  });

  test.concurrent.each(kinds)('when the %s', { timeout: 60_000 }, async (kind) => {
    const postgres = servers.get(kind) as PostgresServer;
    const story = await outage({ ...plan, outage: kind, postgres });
    expect(story.misses).toEqual([]);
    expect(story.outcomes.filter(({ got }) => got === 'resolved')).not.toEqual([]);
  });
});
