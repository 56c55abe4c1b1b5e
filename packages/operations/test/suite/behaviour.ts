import { describe } from 'vitest';
import type { StoreOf } from '../store.ts';
import { describeAccess } from './access.ts';
import { describeCancel } from './cancel.ts';
import { describeChildren } from './children.ts';
import { describeFailures } from './failures.ts';
import { describeIdempotency } from './idempotency.ts';
import { describeProgress } from './progress.ts';
import { describeRetry } from './retry.ts';
import { describeStates } from './states.ts';
import { describeTransactions } from './transactions.ts';

/** What operations do, whatever database they are in. The slow parts have files of their own. */
export function describeBehaviour(storeOf: StoreOf): void {
  describe('access', () => {
    describeAccess(storeOf);
  });
  describe('cancel', () => {
    describeCancel(storeOf);
  });
  describe('children', () => {
    describeChildren(storeOf);
  });
  describe('failures', () => {
    describeFailures(storeOf);
  });
  describe('idempotency', () => {
    describeIdempotency(storeOf);
  });
  describe('progress', () => {
    describeProgress(storeOf);
  });
  describe('retry', () => {
    describeRetry(storeOf);
  });
  describe('states', () => {
    describeStates(storeOf);
  });
  describe('transactions', () => {
    describeTransactions(storeOf);
  });
}
