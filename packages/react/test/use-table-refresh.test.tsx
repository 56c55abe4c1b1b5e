import { act, renderHook } from '@testing-library/react';
import { expect, test, vi } from 'vitest';
import { type RefreshContext, useTableRefresh } from '../src/index.ts';
import { newPages, pass } from './setup.ts';

const page = newPages();

function signal(table: string, detail?: unknown) {
  act(() => void window.dispatchEvent(new CustomEvent(`table-refresh:${table}`, { detail })));
}

const importDone = {
  type: 'operation:complete',
  data: { operationId: 'op', operationType: 'user-import' },
  metadata: { tablesToRefresh: ['users'] },
};

test("the guide's example: an operation ends, the table reloads", async () => {
  const callback = vi.fn<(context: RefreshContext) => void>();
  renderHook(() => useTableRefresh('42', 'users', callback));
  await pass();
  expect(callback).not.toHaveBeenCalled();
  page.server.send(importDone);
  await pass(5000);
  expect(callback.mock.calls).toEqual([
    [{ table: 'users', reason: 'operation', operationId: 'op' }],
  ]);
});

test('the window event refreshes with nobody logged in', async () => {
  const callback = vi.fn<(context: RefreshContext) => void>();
  renderHook(() => useTableRefresh('', 'users', callback));
  signal('users', { action: 'update' });
  expect(callback).toHaveBeenCalledWith({
    table: 'users',
    reason: 'manual',
    detail: { action: 'update' },
  });
  await pass(60_000);
  expect(page.server.connects).toHaveLength(0);
});

test('the newest callback is called', async () => {
  const calls: string[] = [];
  const { rerender } = renderHook(
    ({ tag }) => useTableRefresh('', 'users', () => calls.push(tag)),
    { initialProps: { tag: 'old' } },
  );
  signal('users');
  rerender({ tag: 'new' });
  signal('users');
  await pass(1000);
  expect(calls).toEqual(['old', 'new']);
});

test('another table, and none', async () => {
  const callback = vi.fn<() => void>();
  const { rerender } = renderHook(
    ({ table }: { table: string | string[] }) => useTableRefresh('', table, callback),
    { initialProps: { table: 'users' as string | string[] } },
  );
  signal('users');
  signal('users');
  rerender({ table: 'roles' });
  await pass(5000);
  expect(callback).toHaveBeenCalledTimes(1);
  signal('roles');
  expect(callback).toHaveBeenCalledTimes(2);
  rerender({ table: '' });
  await pass(5000);
  signal('roles');
  signal('');
  expect(callback).toHaveBeenCalledTimes(2);
  rerender({ table: ['users', 'roles'] });
  signal('users');
  expect(callback).toHaveBeenCalledTimes(3);
});

test('a pause shows how much waits', async () => {
  const callback = vi.fn<() => void>();
  const { result, rerender } = renderHook(
    ({ pause }) => useTableRefresh('', 'users', callback, { pause }),
    { initialProps: { pause: true } },
  );
  signal('users');
  signal('users');
  expect(result.current.pending).toBe(2);
  rerender({ pause: false });
  expect(callback).toHaveBeenCalledTimes(1);
  expect(result.current.pending).toBe(0);
  act(() => result.current.refreshNow());
  expect(callback).toHaveBeenCalledTimes(2);
});

test('unmount and log-out cancel the trailing call', async () => {
  const callback = vi.fn<() => void>();
  const first = renderHook(({ id }) => useTableRefresh(id, 'users', callback), {
    initialProps: { id: '42' },
  });
  const twice = () => {
    signal('users');
    signal('users');
  };
  await pass();
  twice();
  first.rerender({ id: '' });
  await pass(5000);
  expect(callback).toHaveBeenCalledTimes(1);
  twice();
  first.unmount();
  await pass(5000);
  expect(callback).toHaveBeenCalledTimes(2);
});

test('a page that was open before its user connected refreshes once', async () => {
  const callback = vi.fn<() => void>();
  const { rerender } = renderHook(({ id }) => useTableRefresh(id, 'users', callback), {
    initialProps: { id: '' },
  });
  await pass(5000);
  rerender({ id: '42' });
  await pass(5000);
  expect(callback.mock.calls).toEqual([[{ table: 'users', reason: 'resync' }]]);
});
