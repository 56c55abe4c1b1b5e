import { type RefreshContext, TableRefresher, type TableRefreshOptions } from '@trunkline/client';
import { afterEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
let stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops) stop();
  stops = [];
});

/** A page of user 42 with a table; the calls it got. */
function open(tables: string[] = ['users'], options: TableRefreshOptions = {}): RefreshContext[] {
  const calls: RefreshContext[] = [];
  const refresher = new TableRefresher({ ...options, callback: (call) => void calls.push(call) });
  const { client } = connectAs(page, '42');
  stops.push(refresher.listen(tables), client.refreshes.mount(refresher));
  return calls;
}

const done = { operationId: 'op', operationType: 'user-import' };
const metadata = { tablesToRefresh: ['users', 'audit-logs'] };

test('an operation that ends refreshes the tables it names', async () => {
  const [users, logs, roles] = [open(['users']), open(['audit-logs']), open(['roles'])];
  await pass();
  page.server.send({ type: 'operation:complete', data: done, metadata });
  await pass(5000);
  expect(users).toEqual([{ table: 'users', reason: 'operation', operationId: 'op' }]);
  expect(logs).toEqual([{ table: 'audit-logs', reason: 'operation', operationId: 'op' }]);
  expect(roles).toEqual([]);
});

test('so does any other event, and an operation that fails', async () => {
  const calls = open(['users'], { throttleMs: 0 });
  await pass();
  page.server.send({ type: 'data:user:updated', metadata }, { channel: 'chat:42' });
  page.server.send({ type: 'data:user:updated', metadata });
  page.server.send({ type: 'operation:error', data: { ...done, error: 'x' }, metadata });
  page.server.send({ type: 'operation:progress', data: done, metadata });
  await pass(5000);
  expect(calls.map(({ reason }) => reason)).toEqual(['server', 'operation', 'server']);
});

test.each(['event first', 'signal first'])('one cause refreshes once: %s', async (order) => {
  const calls = open(['users'], { throttleMs: 0 });
  await pass();
  const event = () =>
    page.server.send({ type: 'operation:complete', data: done, metadata, id: 'c' });
  const signal = () =>
    page.server.send(
      { type: 'trunkline:refresh', data: { tables: ['users', 'audit-logs'], cause: 'c' } },
      { channel: '@all' },
    );
  if (order === 'event first') event();
  signal();
  if (order === 'signal first') event();
  await pass(5000);
  expect(calls).toHaveLength(1);
});

test("a colleague's change refreshes through the signal alone", async () => {
  const calls = open();
  await pass();
  const data = { tables: ['users', 'users', 7, ''], cause: 'elsewhere' };
  page.server.send({ type: 'trunkline:refresh', data }, { channel: '@all' });
  await pass(5000);
  expect(calls).toEqual([{ table: 'users', reason: 'server' }]);
});

test('what another client publishes refreshes nothing', async () => {
  const calls = open();
  await pass();
  page.server.send({ type: 'a:1', metadata }, { fromClient: true });
  await pass(5000);
  expect(calls).toEqual([]);
});

test('code without React hears the server on the window', async () => {
  open(['roles']);
  await pass();
  const heard: unknown[] = [];
  const listen = (event: Event) => void heard.push((event as CustomEvent<unknown>).detail);
  window.addEventListener('table-refresh:users', listen);
  const id = page.server.send({ type: 'operation:complete', data: done, metadata });
  await pass();
  window.removeEventListener('table-refresh:users', listen);
  expect(heard).toEqual([
    { source: 'server', reason: 'operation', operationId: 'op', cause: id, isOwn: false },
  ]);
});

test('ignoreOwn knows what this connection caused', async () => {
  const calls = open(['users'], { ignoreOwn: true, throttleMs: 0 });
  await pass();
  const origin = page.server.clients[0] ?? '';
  page.server.send({ type: 'a:1', metadata, origin });
  page.server.send({ type: 'a:1', metadata, origin: 'another' });
  await pass();
  expect(calls).toHaveLength(1);
});

test('missed while away: recovery replays it', async () => {
  const calls = open();
  await pass();
  page.server.drop();
  page.server.send({ type: 'operation:complete', data: done, metadata });
  await pass(30_000);
  expect(calls).toEqual([{ table: 'users', reason: 'operation', operationId: 'op' }]);
});

test('nothing missed: no call after a proven recovery', async () => {
  const calls = open();
  await pass();
  page.server.drop();
  await pass(30_000);
  expect(calls).toEqual([]);
});

test('after a gap, each table waits for its own moment within 3 s', async () => {
  const [users, roles] = [open(['users']), open(['roles'])];
  const { client } = connectAs(page, '42');
  await pass();
  vi.spyOn(Math, 'random').mockReturnValue(0.999);
  page.server.drop();
  page.server.loseHistory();
  for (let i = 0; i < 100 && client.state.get().status !== 'resyncing'; i++) {
    await pass(10);
  }
  const counts = () => [users.length, roles.length];
  expect([client.state.get().status, ...counts()]).toEqual(['resyncing', 0, 0]);
  await pass(2900);
  expect(counts()).toEqual([0, 0]);
  await pass(100);
  expect(counts()).toEqual([1, 1]);
  expect(client.state.get().status).toBe('live');
});

test('a gap refreshes every mounted table once within 3 s', async () => {
  const [users, both, late] = [open(['users']), open(['users', 'roles']), open(['logs'])];
  await pass();
  page.server.drop();
  page.server.loseHistory();
  await pass(30_000);
  expect(users).toEqual([{ table: 'users', reason: 'resync' }]);
  expect(both).toHaveLength(1);
  expect(late).toHaveLength(1);
});

test('mounted more than 2 s before the first sync: one call, otherwise none', async () => {
  page.server.isUp = false;
  const early = open(['users']);
  await pass(3000);
  const late = open(['roles']);
  page.server.isUp = true;
  connectAs(page, '42').client.reconnect();
  await pass();
  expect(early).toEqual([{ table: 'users', reason: 'resync' }]);
  expect(late).toEqual([]);
});

test('a switch of user cancels what waits', async () => {
  const lease = connectAs(page, '42');
  const calls: unknown[] = [];
  const refresher = new TableRefresher({ callback: (call) => void calls.push(call) });
  stops.push(refresher.listen(['users']), lease.client.refreshes.mount(refresher));
  await pass();
  page.server.send({ type: 'a:1', metadata });
  page.server.send({ type: 'a:1', metadata });
  await pass();
  lease.release();
  page.server.answer = { userId: '7' };
  connectAs(page, '7');
  await pass(10_000);
  expect(calls).toHaveLength(1);
});
