import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Complaints } from '../src/complaints.ts';
import { MemoryLog } from './engine.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what every connection complains of is logged once in half a minute', () => {
  const log = new MemoryLog();
  const complaints = new Complaints(log);
  const away = (queue: string) =>
    complaints.warn('error', new Error(`connect ECONNREFUSED (Queue: ${queue})`));
  away('imports');
  away('exports');
  complaints.warn('error', new Error('password authentication failed'));
  expect(log.of('operation_runner_failed')).toHaveLength(2);
  vi.advanceTimersByTime(30_001);
  away('imports');
  expect(log.of('operation_runner_failed')).toHaveLength(3);
});

test('an error that is a copy of one is logged as the original would be', () => {
  const log = new MemoryLog();
  new Complaints(log).warn('error', { message: 'no table', stack: 'Error: no table\n  at q' });
  new Complaints(log).warn('warning', 'slow');
  const told = log.of('operation_runner_failed').map(({ error }) => error);
  expect(told).toEqual(['Error: no table\n  at q', expect.stringMatching(/^Error: slow/)]);
});
