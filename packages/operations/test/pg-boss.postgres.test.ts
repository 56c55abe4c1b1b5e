import { fromPg } from '@trunkline/operations';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import { needs, postgresForTests } from '../../../test/services/for-tests.ts';
import { pgBossUnderTest, type QueueUnderTest } from './runner-under-test.ts';
import { describeHandover } from './suite/handover.ts';
import { describeWork } from './suite/work.ts';

const postgres = await postgresForTests();

describe('pg-boss on Postgres', needs(postgres), () => {
  let pool: Pool;
  let underTest: QueueUnderTest;

  beforeAll(async () => {
    const place = { connectionString: await postgres.database() };
    pool = new Pool(place);
    underTest = pgBossUnderTest(fromPg(pool), place);
  });
  afterAll(() => pool.end());

  describeWork(() => underTest);
  describeHandover(() => underTest);
});
