import { afterAll, beforeAll, describe } from 'vitest';
import { needs, postgresForTests } from '../../../test/services/for-tests.ts';
import type { TestStore } from './store.ts';
import { openPostgresStore } from './stores.ts';
import { describeAccess } from './suite/access.ts';
import { describeCancel } from './suite/cancel.ts';
import { describeChildren } from './suite/children.ts';
import { describeFailures } from './suite/failures.ts';
import { describeIdempotency } from './suite/idempotency.ts';
import { describeProgress } from './suite/progress.ts';
import { describeRetry } from './suite/retry.ts';
import { describeStates } from './suite/states.ts';
import { describeTransactions } from './suite/transactions.ts';

const postgres = await postgresForTests();

describe('on Postgres', needs(postgres), () => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openPostgresStore(await postgres.database());
  });
  afterAll(() => store.close());

  describe('access', () => {
    describeAccess(() => store);
  });
  describe('cancel', () => {
    describeCancel(() => store);
  });
  describe('children', () => {
    describeChildren(() => store);
  });
  describe('failures', () => {
    describeFailures(() => store);
  });
  describe('idempotency', () => {
    describeIdempotency(() => store);
  });
  describe('progress', () => {
    describeProgress(() => store);
  });
  describe('retry', () => {
    describeRetry(() => store);
  });
  describe('states', () => {
    describeStates(() => store);
  });
  describe('transactions', () => {
    describeTransactions(() => store);
  });
});
