import { expect, test } from 'vitest';
import { type SeenStages, withStage } from '../src/operations/stages.ts';

const PARSING: SeenStages = { attempt: 1, stages: [{ name: 'parsing', at: 10 }] };

test('a stage is noted when it is first seen', () => {
  const first = withStage(undefined, { stage: 'parsing' }, 10);
  expect(first).toEqual(PARSING);
  expect(withStage(first, { stage: 'parsing' }, 20)).toBe(first);
  expect(withStage(first, { stage: 'importing', updatedAt: 25 }, 30)).toEqual({
    attempt: 1,
    stages: [...PARSING.stages, { name: 'importing', at: 25 }],
  });
});

test('progress without a stage is no news', () => {
  expect(withStage(PARSING, {}, 20)).toBe(PARSING);
  expect(withStage(undefined, {}, 20)).toBeUndefined();
});

test('another attempt begins anew, and a late word of the one before is not heard', () => {
  const second = withStage(PARSING, { stage: 'parsing', attempt: 2 }, 30);
  expect(second).toEqual({ attempt: 2, stages: [{ name: 'parsing', at: 30 }] });
  expect(withStage(second, { stage: 'importing', attempt: 1 }, 40)).toBe(second);
});
