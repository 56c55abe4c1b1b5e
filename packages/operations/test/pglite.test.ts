import { afterAll, beforeAll, describe } from 'vitest';
import type { TestStore } from './store.ts';
import { openPgliteStore } from './stores.ts';
import { describeBehaviour } from './suite/behaviour.ts';

describe('on PGlite', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPgliteStore();
  });
  afterAll(() => store.close());

  describeBehaviour(() => store);
});
