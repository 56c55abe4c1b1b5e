import { afterAll, beforeAll, describe } from 'vitest';
import { needs, postgresForTests } from '../../../test/services/for-tests.ts';
import type { TestStore } from './store.ts';
import { openPostgresStore } from './stores.ts';
import { describeOutages } from './suite/outages.ts';
import { describeShutdown } from './suite/shutdown.ts';

const postgres = await postgresForTests();

describe('on Postgres', needs(postgres), () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPostgresStore(await postgres.database());
  });
  afterAll(() => store.close());

  describe('outages', () => {
    describeOutages(() => store);
  });
  describe('shutdown', () => {
    describeShutdown(() => store);
  });
});
