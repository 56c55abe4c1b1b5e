import {
  type RefreshContext,
  refreshEventName,
  type ServerRefreshDetail,
  TableRefresher,
  type TableRefreshOptions,
} from '@trunkline/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

let calls: RefreshContext[];
let onError: ReturnType<typeof vi.fn<(error: unknown) => void>>;
let stop = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  onError = vi.fn<(error: unknown) => void>();
});
afterEach(() => {
  stop();
  setVisibility('visible');
  vi.useRealTimers();
});

function start(
  options: TableRefreshOptions & { run?: () => unknown } = {},
  tables: string[] = ['users'],
) {
  const callback = (context: RefreshContext) => {
    calls.push(context);
    return options.run?.();
  };
  const configure = (rest: TableRefreshOptions) => ({ ...options, ...rest, callback, onError });
  const refresher = new TableRefresher(configure({}));
  stop = refresher.listen(tables);
  return { refresher, set: (rest: TableRefreshOptions) => refresher.configure(configure(rest)) };
}

function signal(detail?: unknown, table = 'users') {
  window.dispatchEvent(new CustomEvent(refreshEventName(table), { detail }));
}

function fromServer(rest: Partial<ServerRefreshDetail> = {}): ServerRefreshDetail {
  const cause = String(Math.random());
  return { source: 'server', reason: 'server', cause, isOwn: false, ...rest };
}

function setVisibility(state: string) {
  Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

test('a window event calls back at once, with its detail', () => {
  start();
  signal({ action: 'update', data: 7 });
  expect(calls).toEqual([
    { table: 'users', reason: 'manual', detail: { action: 'update', data: 7 } },
  ]);
  signal(undefined, 'Users');
  signal(undefined, 'user');
  vi.advanceTimersByTime(5000);
  expect(calls).toHaveLength(1);
});

test('200 signals in 1 s are two calls, the second after the last signal', () => {
  start();
  for (let i = 0; i < 200; i++) {
    signal(fromServer({ operationId: `op-${i}` }));
    vi.advanceTimersByTime(5);
  }
  vi.advanceTimersByTime(10_000);
  expect(calls).toEqual([
    { table: 'users', reason: 'server', operationId: 'op-0' },
    { table: 'users', reason: 'server', operationId: 'op-199', missed: 198 },
  ]);
});

test('throttleMs 0 calls for each signal', () => {
  start({ throttleMs: 0 });
  for (let i = 0; i < 5; i++) signal();
  expect(calls).toHaveLength(5);
});

test('a slow callback runs alone, and exactly once more', async () => {
  const settle: (() => void)[] = [];
  start({ run: () => new Promise<void>((resolve) => settle.push(resolve)) });
  for (let i = 0; i < 20; i++) {
    signal();
    await vi.advanceTimersByTimeAsync(300);
  }
  expect(calls).toHaveLength(1);
  settle[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(calls).toHaveLength(2);
  settle[1]?.();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls).toHaveLength(2);
});

test('a callback that fails is reported, not repeated, and blocks nothing', async () => {
  let fail: () => unknown = () => Promise.reject(new Error('rejected'));
  start({ run: () => fail() });
  signal();
  await vi.advanceTimersByTimeAsync(5000);
  expect(calls).toHaveLength(1);
  fail = () => {
    throw new Error('thrown');
  };
  signal();
  await vi.advanceTimersByTimeAsync(5000);
  expect(onError.mock.calls.map(([error]) => (error as Error).message)).toEqual([
    'rejected',
    'thrown',
  ]);
});

test('a callback that hangs gives its place up after 30 s', async () => {
  start({ run: () => new Promise(() => {}) });
  signal();
  signal();
  await vi.advanceTimersByTimeAsync(29_999);
  expect(calls).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(calls).toHaveLength(2);
});

test('a hidden page refreshes once when it is visible again', () => {
  const { refresher } = start();
  setVisibility('hidden');
  signal();
  signal();
  vi.advanceTimersByTime(60_000);
  expect(calls).toEqual([]);
  expect(refresher.pending.get()).toBe(2);
  setVisibility('visible');
  expect(calls).toEqual([{ table: 'users', reason: 'manual', missed: 1 }]);
  expect(refresher.pending.get()).toBe(0);
});

test('background refreshes a hidden page too', () => {
  start({ background: true });
  setVisibility('hidden');
  signal();
  expect(calls).toHaveLength(1);
});

test('a pause counts, and its end calls once', () => {
  const { refresher, set } = start({ pause: true });
  for (let i = 0; i < 12; i++) signal();
  expect(refresher.pending.get()).toBe(12);
  expect(calls).toEqual([]);
  set({ pause: false });
  expect(calls).toEqual([{ table: 'users', reason: 'manual', missed: 11 }]);
  set({ pause: true });
  set({ pause: false });
  vi.advanceTimersByTime(5000);
  expect(calls).toHaveLength(1);
});

test('refreshNow works through a pause and the throttle', () => {
  const { refresher } = start({ pause: true });
  signal(fromServer());
  refresher.refreshNow();
  expect(calls).toEqual([{ table: 'users', reason: 'server' }]);
  expect(refresher.pending.get()).toBe(0);
  refresher.refreshNow();
  expect(calls).toHaveLength(2);
  signal();
  expect(refresher.pending.get()).toBe(1);
});

test('several tables, one callback: one cause calls once', () => {
  start({}, ['users', 'roles', 'users', '']);
  const both = fromServer();
  signal(both, 'users');
  signal(both, 'roles');
  vi.advanceTimersByTime(5000);
  expect(calls).toEqual([{ table: 'users', reason: 'server' }]);
  signal(undefined, 'roles');
  expect(calls).toHaveLength(2);
});

test('an empty name is off', () => {
  const { refresher } = start({}, ['']);
  signal(undefined, '');
  refresher.refreshNow();
  expect(calls).toEqual([]);
});

test('ignoreOwn skips what this page caused itself, by default it counts', () => {
  const { set } = start({ throttleMs: 0 });
  signal(fromServer({ isOwn: true }));
  expect(calls).toHaveLength(1);
  set({ throttleMs: 0, ignoreOwn: true });
  signal(fromServer({ isOwn: true }));
  expect(calls).toHaveLength(1);
  signal(fromServer());
  expect(calls).toHaveLength(2);
});

test('two refreshers of one table are both called', () => {
  start();
  const stopFirst = stop;
  start();
  signal();
  expect(calls).toHaveLength(2);
  stopFirst();
});

test('the trailing call is cancelled by the end, and by cancel', () => {
  const { refresher } = start();
  signal();
  signal();
  refresher.cancel();
  vi.advanceTimersByTime(5000);
  expect(calls).toHaveLength(1);
  signal();
  signal();
  stop();
  vi.advanceTimersByTime(5000);
  expect(calls).toHaveLength(2);
});

test("an app's own detail may have a source, too", () => {
  start();
  signal({ source: 'server', rows: 3 });
  expect(calls).toEqual([
    { table: 'users', reason: 'manual', detail: { source: 'server', rows: 3 } },
  ]);
});

test('a clock that is set back holds no refresh', () => {
  start();
  signal();
  vi.setSystemTime(Date.now() - 3_600_000);
  signal();
  vi.advanceTimersByTime(1000);
  expect(calls).toHaveLength(2);
});
