import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WishKeys } from '../src/operations/wish-keys.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('two wishes have two keys', () => {
  const keys = new WishKeys();
  expect(keys.keyOf('import a.csv')).not.toBe(keys.keyOf('import b.csv'));
});

test('the same again has the same key until an answer comes, however long that takes', () => {
  const keys = new WishKeys();
  const key = keys.keyOf('export csv');
  vi.advanceTimersByTime(600_000);
  expect(keys.keyOf('export csv')).toBe(key);
});

test('a double click is one wish, also when the answer came between the clicks', () => {
  const keys = new WishKeys();
  const key = keys.keyOf('export csv');
  keys.answered('export csv');
  vi.advanceTimersByTime(500);
  expect(keys.keyOf('export csv')).toBe(key);
});

test('later it is wanted once more, even if somebody goes on clicking', () => {
  const keys = new WishKeys();
  const key = keys.keyOf('export csv');
  keys.answered('export csv');
  for (let click = 0; click < 3; click += 1) {
    vi.advanceTimersByTime(900);
    keys.keyOf('export csv');
    keys.answered('export csv');
  }
  expect(keys.keyOf('export csv')).not.toBe(key);
});
