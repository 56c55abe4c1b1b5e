import { fromPg } from '@trunkline/operations';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { needs, postgresForTests, redisForTests } from '../../../test/services/for-tests.ts';
import { bullmqUnderTest, pgBossUnderTest } from './runner-under-test.ts';
import { describeProcessEnds, type SharedQueue } from './suite/process-ends.ts';

const postgres = await postgresForTests();
const redis = await redisForTests();

describe('processes end with pg-boss', needs(postgres), () => {
  let pool: Pool;
  let underTest: SharedQueue;

  beforeAll(async () => {
    const place = { connectionString: await postgres.database() };
    pool = new Pool(place);
    underTest = { ...pgBossUnderTest(fromPg(pool), place), place };
  });
  afterAll(() => pool.end());

  describeProcessEnds(() => underTest);
});

describe('processes end with BullMQ', needs(postgres, redis), () => {
  let pool: Pool;
  let underTest: SharedQueue;

  beforeAll(async () => {
    const place = { connectionString: await postgres.database(), redis: redis.keyspace() };
    pool = new Pool(place);
    underTest = { ...bullmqUnderTest(fromPg(pool), place.redis), place };
  });
  afterAll(() => pool.end());

  describeProcessEnds(() => underTest);
});
