import { afterAll, beforeAll, describe } from 'vitest';
import { needs, postgresForTests } from '../../../test/services/for-tests.ts';
import type { TestStore } from './store.ts';
import { openPostgresStore } from './stores.ts';
import { describeBehaviour } from './suite/behaviour.ts';

const postgres = await postgresForTests();

describe('on Postgres', needs(postgres), () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPostgresStore(await postgres.database());
  });
  afterAll(() => store.close());

  describeBehaviour(() => store);
});
