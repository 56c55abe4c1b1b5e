import { afterAll, beforeAll, describe } from 'vitest';
import type { TestStore } from './store.ts';
import { openPgliteStore } from './stores.ts';
import { describeFalseDeaths } from './suite/false-deaths.ts';

describe('on PGlite', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPgliteStore();
  });
  afterAll(() => store.close());

  describe('false deaths', () => {
    describeFalseDeaths(() => store);
  });
});
