import { describe, expect, test } from 'vitest';
import { dataExport } from '#shared/operations';
import { factsOf, fileOf, resultOf } from '../src/operations/results.ts';
import type { OperationRow } from '../src/operations/rows.ts';
import { attemptOf, durationOf, lineOf, percentageOf, subjectOf } from '../src/operations/words.ts';
import { formatBytes } from '../src/ui/numbers.ts';
import { formatDuration } from '../src/ui/times.ts';

const row = (fields: Partial<OperationRow> = {}): OperationRow => ({
  id: '01',
  type: 'user-import',
  label: 'User Import',
  state: 'running',
  seq: 1,
  attempt: 1,
  maxAttempts: 3,
  labels: {},
  isCancellable: true,
  isRetryable: true,
  createdAt: 0,
  ...fields,
});

describe('an operation in words', () => {
  test('says what it is about', () => {
    expect(subjectOf(row({ labels: { file: 'users.csv' } }))).toBe('users.csv');
    expect(subjectOf(row({ labels: { format: 'xlsx' } }))).toBe('XLSX');
    expect(subjectOf(row())).toBeUndefined();
  });

  test.each([
    ['queued', 'Importing...', 'Waiting to start'],
    ['running', 'Importing...', 'Importing...'],
    ['running', undefined, ''],
    ['succeeded', 'All imported', 'All imported'],
    ['failed', 'Importing...', 'The file is gone'],
    ['crashed', 'Importing...', 'The file is gone'],
    ['cancelled', 'Importing...', ''],
  ] as const)('that is %s says its line', (state, message, line) => {
    expect(lineOf(row({ state, message, error: { message: 'The file is gone' } }))).toBe(line);
  });

  test('never says 100 % before its end, and nothing after it', () => {
    expect(percentageOf(row({ percentage: 100 }))).toBe(99);
    expect(percentageOf(row())).toBeUndefined();
    expect(percentageOf(row({ percentage: 100, state: 'succeeded' }))).toBeUndefined();
  });

  test('says how long it took, or takes', () => {
    expect(durationOf(row(), 5000)).toBe('');
    expect(durationOf(row({ startedAt: 1000 }), 5000)).toBe('running for 4.0 s');
    expect(durationOf(row({ startedAt: 1000, finishedAt: 63_000 }), 99_000)).toBe('took 1 min 2 s');
  });

  test('counts its attempts from the second on', () => {
    expect(attemptOf(row())).toBe('');
    expect(attemptOf(row({ attempt: 2 }))).toBe('attempt 2 of 3');
    expect(attemptOf(row({ attempt: 2, maxAttempts: 1 }))).toBe('attempt 2');
  });
});

describe('a result', () => {
  const file = {
    fileId: 'f1',
    fileName: 'users.csv',
    bytes: 2048,
    url: '/api/files/f1?tenant=acme',
    expiresAt: '2026-01-02T00:00:00.000Z',
  };
  const exported = {
    type: 'data-export',
    state: 'succeeded',
    result: { ...file, rows: 3 },
  } as const;

  test('is read by its definition', () => {
    expect(resultOf(dataExport, row(exported))?.rows).toBe(3);
    expect(fileOf(row(exported))?.url).toBe(file.url);
  });

  test('is none where it is of another kind, not there yet, or not as it was agreed', () => {
    expect(fileOf(row({ ...exported, type: 'user-import' }))).toBeNull();
    expect(fileOf(row({ ...exported, state: 'running' }))).toBeNull();
    expect(fileOf(row({ ...exported, result: { rows: 'three' } }))).toBeNull();
  });

  test('is told in words, whatever it is', () => {
    const mails = { sent: 1200, failed: 3 };
    const imported = { imported: 1203, skipped: 1, errors: [], errorCount: 1, mails };
    expect(factsOf(row({ state: 'succeeded', result: imported }))).toEqual([
      ['Imported', '1,203 users'],
      ['Skipped', '1 row'],
      ['Welcome mails', '1,200 sent, 3 failed'],
    ]);
    expect(factsOf(row(exported))).toContainEqual(['Size', '2 KB']);
    const unknown = row({ type: 'clean-up', state: 'succeeded', result: { rows: 7 } });
    expect(factsOf(unknown)).toEqual([['Result', '{"rows":7}']]);
    expect(factsOf(row({ type: 'clean-up', state: 'succeeded', result: null }))).toEqual([]);
  });
});

test('durations and sizes are told as people read them', () => {
  expect([400, 12_900, 200_000, 7_500_000].map(formatDuration)).toEqual([
    '0.4 s',
    '12 s',
    '3 min 20 s',
    '2 h 5 min',
  ]);
  expect([1, 700, 1025, 5_000_000].map(formatBytes)).toEqual([
    '1 byte',
    '700 bytes',
    '2 KB',
    '4.8 MB',
  ]);
});
