import { afterAll, beforeAll, describe } from 'vitest';
import type { TestStore } from './store.ts';
import { openPgliteStore } from './stores.ts';
import { describeOutages } from './suite/outages.ts';
import { describeShutdown } from './suite/shutdown.ts';

describe('on PGlite', () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPgliteStore();
  });
  afterAll(() => store.close());

  describe('outages', () => {
    describeOutages(() => store);
  });
  describe('shutdown', () => {
    describeShutdown(() => store);
  });
});
