import {
  applyOperationEvent,
  type Operation,
  type OperationEvent,
  OperationStore,
} from '@trunkline/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function event(type: string, data: object = {}, rest: object = {}): OperationEvent {
  const subject = { operationId: 'op', operationType: 'user-import' };
  const envelope = { v: 1, id: 'e', ts: 0, scope: 'user', channel: '@user', replayed: false };
  return { ...envelope, type, data: { ...subject, ...data }, ...rest } as OperationEvent;
}

const progress = (percentage: unknown, rest: object = {}) =>
  event('operation:progress', { percentage, ...rest });
const complete = (data: object = {}, metadata?: object) =>
  event('operation:complete', data, { metadata });
const error = (text: unknown, metadata?: object) =>
  event('operation:error', { error: text }, { metadata });

function after(...events: OperationEvent[]): Operation | undefined {
  return events.reduce<Operation | undefined>((op, e) => applyOperationEvent(op, e, 0), undefined);
}

test('the first thing that is seen may be anything', () => {
  expect(after(progress(60))).toMatchObject({ state: 'running', percentage: 60, attempt: 1 });
  expect(after(complete())).toMatchObject({ state: 'succeeded', message: 'User Import completed' });
});

test.each([
  [45, 45],
  ['45', 45],
  [-3, 0],
  [140, 100],
  [Number.NaN, undefined],
  [undefined, undefined],
])('a percentage of %s is shown as %s', (given, shown) => {
  expect(after(progress(given))?.percentage).toBe(shown);
});

test('progress 50, 30 (late), complete, 90 (late): 50, then done', () => {
  const early = [progress(50), progress(30)];
  expect(after(...early)).toMatchObject({ state: 'running', percentage: 50 });
  expect(after(...early, complete(), progress(90))).toMatchObject({
    state: 'succeeded',
    percentage: 50,
  });
});

test('the first end wins', () => {
  expect(after(complete(), error('late'))?.state).toBe('succeeded');
  expect(after(error('first'), complete())?.state).toBe('failed');
});

test('a higher attempt starts afresh, an older one is ignored', () => {
  const retried = [progress(80), error('x'), progress(10, { attempt: 2 })];
  expect(after(...retried)).toMatchObject({ state: 'running', percentage: 10, attempt: 2 });
  expect(after(...retried)).not.toHaveProperty('error');
  expect(after(...retried, complete({ attempt: 1 }))?.state).toBe('running');
  expect(after(...retried, complete())?.state).toBe('succeeded');
});

test('an error carries its own title and what went wrong', () => {
  expect(after(error('Row 7', { message: 'User import failed' }))).toMatchObject({
    state: 'failed',
    message: 'User import failed',
    error: { message: 'Row 7' },
  });
  expect(after(error({ code: 'cancelled', message: 'Stopped' }))?.state).toBe('cancelled');
});

test('malformed data is ignored, and the developer told', () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const onChange = vi.fn<(given?: unknown) => void>();
  const store = new OperationStore({ onChange, onForget: () => {} });
  store.apply(progress(1, { operationId: 7 }));
  store.apply({ ...progress(1), data: null as never });
  expect(onChange).not.toHaveBeenCalled();
  expect(warned).toHaveBeenCalledTimes(2);
});

test('stalled after 2 minutes of silence, forgotten after 30', () => {
  const [onChange, onForget] = [vi.fn<() => void>(), vi.fn<() => void>()];
  const store = new OperationStore({ onChange, onForget });
  store.apply(progress(10));
  vi.advanceTimersByTime(119_000);
  store.apply(progress(20));
  vi.advanceTimersByTime(119_000);
  expect(store.get('op')?.isStalled).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(store.get('op')?.isStalled).toBe(true);
  vi.advanceTimersByTime(28 * 60_000);
  expect(store.get('op')).toBeUndefined();
  expect(onForget.mock.calls).toEqual([['op']]);
  expect(vi.getTimerCount()).toBe(0);
});

test('late progress of an ended operation does not wake it', () => {
  const onChange = vi.fn<(given?: unknown) => void>();
  const store = new OperationStore({ onChange, onForget: () => {} });
  store.apply(complete());
  store.apply(progress(90));
  expect(onChange).toHaveBeenCalledTimes(1);
});

test('of two operations, each is marked stalled in its time', () => {
  const store = new OperationStore({ onChange: () => {}, onForget: () => {} });
  store.apply(complete({ operationId: 'ended' }));
  store.apply(progress(10));
  vi.advanceTimersByTime(60_000);
  store.apply(progress(10, { operationId: 'second' }));
  vi.advanceTimersByTime(60_000);
  expect(store.get('op')?.isStalled).toBe(true);
  expect(store.get('second')?.isStalled).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(store.get('second')?.isStalled).toBe(true);
});

test('a message that is no text is none', () => {
  expect(after(complete({}, { message: { text: 'no' } }))?.message).toBe('User Import completed');
  expect(after(error('x', { message: ['no'] }))?.message).toBe('User Import failed');
});

test('an operation is the user’s own as soon as one event is addressed to them', () => {
  const toAll = { scope: 'tenant' };
  const announced = event('operation:progress', {}, toAll);
  expect(after(announced)?.scope).toBe('tenant');
  expect(after(announced, progress(1), announced)?.scope).toBe('user');
  expect(after(event('operation:complete', {}, toAll), complete())?.scope).toBe('user');
});
