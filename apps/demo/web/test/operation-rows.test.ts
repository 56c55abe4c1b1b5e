import type { OperationSnapshot } from '@trunkline/contract';
import type { Operation } from '@trunkline/react';
import { describe, expect, test } from 'vitest';
import { unlistedSteps, withLive } from '../src/operations/rows.ts';

const listed = (id: string, fields: Partial<OperationSnapshot> = {}): OperationSnapshot => ({
  id,
  type: 'user-import',
  label: 'User Import',
  state: 'running',
  seq: 3,
  attempt: 1,
  maxAttempts: 3,
  percentage: 30,
  ownerId: 'ada',
  audience: 'owner',
  labels: { file: `${id}.csv` },
  isDurable: true,
  isCancellable: true,
  isRetryable: true,
  isSeen: false,
  createdAt: 1000,
  startedAt: 1100,
  updatedAt: 1200,
  ...fields,
});

const heard = (id: string, fields: Partial<Operation> = {}): Operation => ({
  id,
  type: 'user-import',
  label: 'User Import',
  state: 'running',
  seq: 4,
  attempt: 1,
  maxAttempts: 3,
  percentage: 60,
  scope: 'user',
  isStored: true,
  isCancellable: true,
  isRetryable: true,
  isSeen: false,
  createdAt: 1000,
  isStalled: false,
  heardAt: 1300,
  ...fields,
});

describe('a list that is followed live', () => {
  test('shows what has happened since, and keeps what only the list says', () => {
    const [row] = withLive([listed('a')], [heard('a', { state: 'succeeded', finishedAt: 2000 })]);
    expect(row).toMatchObject({ state: 'succeeded', percentage: 60, finishedAt: 2000, seq: 4 });
    expect(row).toMatchObject({ labels: { file: 'a.csv' }, startedAt: 1100 });
  });

  test('is not set back by what was heard before it was read', () => {
    const [row] = withLive([listed('a', { seq: 9, percentage: 90 })], [heard('a')]);
    expect(row).toMatchObject({ seq: 9, percentage: 90 });
  });

  test('has what has begun since, the newest first', () => {
    const rows = withLive([listed('a'), listed('b')], [heard('c'), heard('a')]);
    expect(rows.map(({ id }) => id)).toEqual(['c', 'b', 'a']);
  });

  test('has an operation once that two lists had, as the later one had it', () => {
    const rows = withLive([listed('a'), listed('a', { seq: 5, state: 'failed' })], []);
    expect(rows).toMatchObject([{ id: 'a', state: 'failed' }]);
  });

  test('has nothing that the app told without storing it', () => {
    expect(withLive([], [heard('raw', { isStored: false })])).toEqual([]);
  });
});

describe('a list is behind', () => {
  test('when something has begun, ended or begun anew, and not for mere progress', () => {
    expect(unlistedSteps([listed('a')], [heard('a', { percentage: 99 })])).toBe('');
    expect(unlistedSteps([listed('a')], [heard('b')])).not.toBe('');
    expect(unlistedSteps([listed('a')], [heard('a', { state: 'cancelled' })])).not.toBe('');
    expect(unlistedSteps([listed('a')], [heard('a', { attempt: 2 })])).not.toBe('');
    expect(unlistedSteps([], [heard('raw', { isStored: false })])).toBe('');
  });
});
