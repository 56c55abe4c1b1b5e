import { expect, test } from 'vitest';
import { ratioOf, spreadOf } from '../report/statistics.ts';
import type { Run } from '../rounds.ts';

const run = (round: number, peer: string, cpuPerMillion: number, otherCores = 0): Run => ({
  round,
  slice: 1,
  scenario: 'room-1000',
  peer,
  measures: { cpuPerMillion, otherCores },
});
const place = { scenario: 'room-1000', peer: 'ours', figure: 'cpuPerMillion' } as const;

test('a ratio is of the same slice, not of the medians', () => {
  const runs = [
    ...[run(1, 'ours', 1), run(1, 'theirs', 10)],
    ...[run(2, 'ours', 8), run(2, 'theirs', 16)],
    ...[run(3, 'ours', 6), run(3, 'theirs', 10)],
  ];
  const ratio = ratioOf(runs, place, 'theirs');
  expect(ratio).toMatchObject({ median: 0.5, min: 0.1, max: 0.6, count: 3 });
});

test('a run that others have disturbed counts only where there is no other', () => {
  const disturbed = run(1, 'ours', 9, 0.5);
  expect(spreadOf([disturbed, run(2, 'ours', 4)], place)).toMatchObject({
    max: 4,
    count: 1,
    isDisturbed: false,
  });
  expect(spreadOf([disturbed], place)).toMatchObject({ median: 9, isDisturbed: true });
});

test('a slice that the other peer has not had gives no ratio', () => {
  expect(ratioOf([run(1, 'ours', 1), run(2, 'theirs', 1)], place, 'theirs')).toBeNull();
});
