import type { Operation } from '@trunkline/client';
import { isTerminal } from '@trunkline/contract';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { received, recordUpdates, type Update, watchedStore } from './stored-operations.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

type Server = ReturnType<typeof recordUpdates>['operations'];

/** What a store makes of what a server does. */
function after(act: (operations: Server) => void): Operation | undefined {
  const { operations, updates } = recordUpdates();
  const { store } = watchedStore();
  act(operations);
  for (const { event } of updates) store.apply(event);
  return store.get('op-1');
}

test('an event says everything that a list says', () => {
  const operation = after((server) => {
    server.start({ type: 'user-import', state: 'queued', maxAttempts: 3, parentId: 'op-0' });
    server.update('op-1', { state: 'running', percentage: 30, stage: 'reading', message: 'Row 3' });
  });
  expect(operation).toMatchObject({
    id: 'op-1',
    type: 'user-import',
    label: 'User Import',
    state: 'running',
    seq: 2,
    attempt: 1,
    maxAttempts: 3,
    percentage: 30,
    stage: 'reading',
    message: 'Row 3',
    isStored: true,
    ownerId: '42',
    parentId: 'op-0',
    isCancellable: true,
    isRetryable: false,
    createdAt: 1_000_000,
  });
});

test.each(['queued', 'cancelling'] as const)('an operation is %s', (state) => {
  expect(after((server) => server.start({ type: 'a', state }))?.state).toBe(state);
});

test.each([
  ['failed', 'User Import failed'],
  ['crashed', 'User Import was interrupted'],
  ['cancelled', 'User Import cancelled'],
] as const)('an operation that has %s says so, by event and by list alike', (state, message) => {
  const { operations, updates } = recordUpdates();
  operations.start({ type: 'user-import', message: 'Row 3' });
  operations.fail('op-1', 'Why', state);
  const [byEvent, byList] = [watchedStore().store, watchedStore().store];
  for (const { event } of updates) byEvent.apply(event);
  byList.merge(operations.get('op-1'), 'load');
  expect(byEvent.get('op-1')).toMatchObject({ state, message, error: { message: 'Why' } });
  expect(byEvent.get('op-1')).toEqual(byList.get('op-1'));
});

test('a state of a newer server that this page does not know is told by the event’s type', () => {
  const { store } = watchedStore();
  const data = { operationId: 'op-1', operationType: 'a', seq: 1, state: 'paused' as never };
  store.apply(received({ type: 'operation:progress', data }));
  expect(store.get('op-1')?.state).toBe('running');
  const error = { code: 'crashed', message: 'x' };
  const end = { ...data, seq: 2, error };
  store.apply(received({ type: 'operation:error', data: end }));
  expect(store.get('op-1')?.state).toBe('crashed');
});

test('an update that is not newer changes nothing, whatever it says', () => {
  const { operations, updates } = recordUpdates();
  const { store, seen } = watchedStore();
  operations.start({ type: 'a' });
  operations.update('op-1', { percentage: 90 });
  operations.fail('op-1', 'x');
  for (const { event } of updates.toReversed()) store.apply(event);
  for (const { snapshot } of updates) store.merge(snapshot, 'load');
  expect(seen.length).toBeGreaterThan(0);
  for (const operation of seen) expect(operation).toMatchObject({ state: 'failed', seq: 3 });
});

test('a newer update leaves an end: retried, or a late end instead of a crash', () => {
  const retried = after((server) => {
    server.start({ type: 'a' });
    server.update('op-1', { percentage: 80, message: 'Row 8' });
    server.fail('op-1', 'x');
    server.retry('op-1');
  });
  expect(retried).toMatchObject({ state: 'queued', attempt: 2, isRetryable: false });
  for (const field of ['error', 'percentage', 'message', 'finishedAt']) {
    expect(retried).not.toHaveProperty(field);
  }
  const corrected = after((server) => {
    server.start({ type: 'a' });
    server.fail('op-1', 'The process died', 'crashed');
    server.succeed('op-1');
  });
  expect(corrected).toMatchObject({ state: 'succeeded', message: 'A completed', percentage: 100 });
  expect(corrected).not.toHaveProperty('error');
});

test.each(['failed', 'crashed', 'cancelled'] as const)(
  'of an end alone, %s, the page knows how far it had come',
  (state) => {
    const { operations, updates } = recordUpdates();
    operations.start({ type: 'user-import', percentage: 10, stage: 'reading' });
    operations.update('op-1', { percentage: 40, stage: 'writing' });
    operations.fail('op-1', 'Why', state);
    const { store } = watchedStore();
    const [first, , end] = updates as [Update, Update, Update];
    for (const { event } of [first, end]) store.apply(event);
    expect(store.get('op-1')).toMatchObject({ state, percentage: 40, stage: 'writing' });
  },
);

test('a result that is too large to be told is where the event says', () => {
  const operation = after((server) => {
    server.start({ type: 'data-export' });
    server.succeed('op-1', { resultRef: '/files/7' });
  });
  expect(operation).toMatchObject({ state: 'succeeded', resultRef: '/files/7' });
});

test('a list adds to an event of the same update what that left out', () => {
  const { operations, updates } = recordUpdates();
  const { store, seen } = watchedStore();
  operations.start({ type: 'a' });
  operations.succeed('op-1');
  for (const { event } of updates) store.apply(event);
  store.merge({ ...operations.get('op-1'), resultRef: '/files/7', isSeen: true }, 'load');
  expect(store.get('op-1')).toMatchObject({
    state: 'succeeded',
    resultRef: '/files/7',
    isSeen: true,
  });
  const changes = seen.length;
  store.merge({ ...operations.get('op-1'), resultRef: '/files/7', isSeen: true }, 'load');
  expect(seen).toHaveLength(changes);
});

test('what a list has added, the same update’s event does not take away', () => {
  const { operations, updates } = recordUpdates();
  const { store } = watchedStore();
  operations.start({ type: 'a' });
  store.merge({ ...operations.get('op-1'), resultRef: '/files/7' }, 'load');
  const listed = store.get('op-1');
  for (const { event } of updates) store.apply(event);
  expect(store.get('op-1')).toBe(listed);
});

test('what the user has seen stays seen, though the server does not know it yet', () => {
  const { operations } = recordUpdates();
  const { store } = watchedStore();
  operations.start({ type: 'a' });
  store.merge(operations.succeed('op-1'), 'load');
  store.markSeen(['op-1']);
  store.merge(operations.get('op-1'), 'history');
  expect(store.get('op-1')?.isSeen).toBe(true);
  store.merge(operations.update('op-1', { state: 'failed' }), 'load');
  expect(store.get('op-1')?.isSeen).toBe(false);
});

test('raw events do not touch what the server keeps, but the server takes over what is raw', () => {
  const { operations, updates } = recordUpdates();
  const { store } = watchedStore();
  const raw = received({
    type: 'operation:progress',
    data: { operationId: 'op-1', operationType: 'a', percentage: 70, attempt: 5 },
  });
  store.apply(raw);
  expect(store.get('op-1')).toMatchObject({ isStored: false, attempt: 5 });
  operations.start({ type: 'a', percentage: 20 });
  for (const { event } of updates) store.apply(event);
  store.apply(raw);
  expect(store.get('op-1')).toMatchObject({ isStored: true, attempt: 1, percentage: 20 });
});

/** What may happen to an operation next. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ progress: fc.integer({ min: 0, max: 100 }) }) },
  { weight: 1, arbitrary: fc.constantFrom('cancel', 'succeed', 'fail', 'crash', 'retry') },
);

/** A server's account of one operation that goes through these steps, as far as they are possible. */
function account(steps: readonly (string | { progress: number })[]): Update[] {
  const { operations, updates } = recordUpdates();
  const id = operations.start({ type: 'user-import', state: 'queued' });
  for (const next of steps) {
    vi.advanceTimersByTime(1);
    const { state } = operations.get(id);
    const isOver = isTerminal(state);
    if (typeof next === 'object') {
      const { progress: percentage } = next;
      const now = state === 'cancelling' ? state : 'running';
      if (!isOver) operations.update(id, { state: now, percentage, stage: `s${percentage % 3}` });
    } else if (next === 'retry') {
      if (isOver && state !== 'succeeded') operations.retry(id);
    } else if (next === 'succeed' && (!isOver || state === 'crashed')) operations.succeed(id);
    else if (isOver) continue;
    else if (next === 'cancel') operations.update(id, { state: 'cancelling' });
    else if (next === 'fail') operations.fail(id, 'x');
    else if (next === 'crash') operations.fail(id, 'y', 'crashed');
  }
  return updates;
}

/** What arrives of an account: anything, any number of times, in any order, as an event or in a list. */
const arrivals = fc.array(step, { maxLength: 25 }).chain((steps) =>
  fc.record({
    steps: fc.constant(steps),
    arrived: fc.array(fc.record({ index: fc.nat({ max: steps.length }), isListed: fc.boolean() }), {
      maxLength: 60,
    }),
  }),
);

function expectNeverBack(before: Operation, after_: Operation): void {
  expect(after_.seq).toBeGreaterThanOrEqual(before.seq ?? 0);
  if (after_.attempt === before.attempt) {
    expect(after_.percentage ?? 0).toBeGreaterThanOrEqual(before.percentage ?? 0);
    const isCorrected = before.state === 'crashed';
    if (isTerminal(before.state) && !isCorrected) expect(after_.state).toBe(before.state);
    if (isCorrected) expect(isTerminal(after_.state)).toBe(true);
  } else expect(after_.attempt).toBeGreaterThan(before.attempt);
}

test('whatever is lost, repeated or out of order: no view goes back, and all end alike', () => {
  fc.assert(
    fc.property(arrivals, ({ steps, arrived }) => {
      const updates = account(steps);
      const last = updates.at(-1) as Update;
      const { store, seen } = watchedStore();
      for (const { index, isListed } of arrived) {
        const update = updates[index % updates.length];
        if (isListed) store.merge(update.snapshot, 'load');
        else store.apply(update.event);
      }
      store.merge(last.snapshot, 'load');
      seen.reduce((before, next) => {
        expectNeverBack(before, next);
        return next;
      });
      const { store: fresh } = watchedStore();
      fresh.merge(last.snapshot, 'load');
      const [view, expected] = [store.get('op-1'), fresh.get('op-1')];
      // the highest that was seen, where the server's own went down
      const percentage = view?.percentage ?? expected?.percentage;
      expect({ ...view, percentage, heardAt: 0 }).toEqual({ ...expected, percentage, heardAt: 0 });
      expect(percentage ?? 0).toBeGreaterThanOrEqual(expected?.percentage ?? 0);
      store.clear();
      fresh.clear();
    }),
    { numRuns: 500 },
  );
});

test('with nothing lost, the events alone make the view that a list makes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const updates = account(steps);
      const { store } = watchedStore();
      for (const { event } of updates) store.apply(event);
      const { store: fresh } = watchedStore();
      for (const { snapshot } of updates) fresh.merge(snapshot, 'load');
      expect({ ...store.get('op-1'), heardAt: 0 }).toEqual({ ...fresh.get('op-1'), heardAt: 0 });
      store.clear();
      fresh.clear();
    }),
    { numRuns: 200 },
  );
});
