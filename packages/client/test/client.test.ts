import {
  HandlerSet,
  type Registry,
  type Settings,
  type ToastAdapter,
  toAddress,
} from '@trunkline/client';
import { PLATFORM, type ReceivedEvent } from '@trunkline/contract';
import { expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();

/** A client as user 42, and the events that reach a handler of everything. */
async function join(settings: Settings = {}) {
  const lease = connectAs(page, '42', settings);
  const events: ReceivedEvent[] = [];
  const handlers = new HandlerSet();
  handlers.subscribe('*', (event) => void events.push(event));
  lease.client.attach(handlers);
  const statuses: string[] = [];
  lease.client.state.subscribe(() => {
    const { status } = lease.client.state.get();
    if (statuses.at(-1) !== status) statuses.push(status);
  });
  await pass();
  return { ...lease, events, handlers, statuses };
}

test('goes through syncing to live', async () => {
  const { client, statuses } = await join();
  expect(statuses).toEqual(['syncing', 'live']);
  expect(client.state.get()).toEqual({
    status: 'live',
    isConnected: true,
    identity: { userId: '42', realm: { kind: 'tenant', tenantId: 'acme' } },
    transport: 'websocket',
    reconnectAt: null,
  });
});

test('sends the tenant and the token in the connect command', async () => {
  await join({ tenantId: 'acme', getToken: () => 'secret' });
  expect(page.server.connects).toEqual([
    expect.objectContaining({ data: { tenantId: 'acme' }, token: 'secret' }),
  ]);
});

test('hands over an event with its channel', async () => {
  const { events } = await join();
  page.server.send({ type: 'chat:message', data: { text: 'hi' } }, { channel: '@all' });
  await pass();
  expect(events).toMatchObject([
    { type: 'chat:message', data: { text: 'hi' }, channel: '@all', replayed: false },
  ]);
});

test('replays what was missed, in order and once', async () => {
  const { events, statuses } = await join();
  page.server.send({ type: 'a:1' });
  await pass();
  page.server.drop();
  page.server.send({ type: 'a:2' });
  page.server.send({ type: 'a:3' });
  await pass(30_000);
  expect(events.map(({ type, replayed }) => [type, replayed])).toEqual([
    ['a:1', false],
    ['a:2', true],
    ['a:3', true],
  ]);
  expect(statuses).toEqual(['syncing', 'live', 'reconnecting', 'syncing', 'live']);
});

test('drops an event that comes again in the same channel', async () => {
  const { events } = await join();
  page.server.send({ type: 'a:1', id: 'same' });
  page.server.send({ type: 'a:1', id: 'same' });
  page.server.send({ type: 'a:1', id: 'same' }, { channel: '@all' });
  await pass();
  expect(events.map(({ channel }) => channel)).toEqual(['@user', '@all']);
});

test('says when events are lost for good, and goes live again', async () => {
  const onGap = vi.fn<(given?: unknown) => void>();
  const { statuses, client } = await join({ onGap });
  page.server.drop();
  page.server.loseHistory();
  await pass(30_000);
  expect(onGap.mock.calls).toEqual([[{ channels: ['@user', '@all'] }]]);
  expect(statuses).toEqual(['syncing', 'live', 'reconnecting', 'syncing', 'resyncing', 'live']);
  expect(client.state.get().isConnected).toBe(true);
});

test('a handler that throws stops neither the others nor the connection', async () => {
  const onError = vi.fn<(given?: unknown) => void>();
  const { handlers, client } = await join({ onError });
  const [broken, rejected, well] = [
    new Error('broken'),
    new Error('rejected'),
    vi.fn<() => void>(),
  ];
  handlers.subscribe('a:1', () => {
    throw broken;
  });
  const reject: () => unknown = () => Promise.reject(rejected);
  handlers.subscribe('a:1', reject);
  handlers.subscribe('a:*', well);
  page.server.send({ type: 'a:1' });
  page.server.send({ type: 'a:1' });
  await pass();
  expect(well).toHaveBeenCalledTimes(2);
  expect(onError.mock.calls.flat()).toEqual(expect.arrayContaining([broken, rejected]));
  expect(client.state.get().status).toBe('live');
  expect(page.server.connects).toHaveLength(1);
});

test('an onError, onGap or getToken that throws does no harm', async () => {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  const fail = () => {
    throw new Error('broken');
  };
  let attempts = 0;
  const getToken = () => (++attempts === 1 ? fail() : 'token');
  const { handlers, client } = await join({ onError: fail, onGap: fail, getToken });
  handlers.subscribe('a:1', fail);
  await pass(30_000);
  page.server.send({ type: 'a:1' });
  page.server.drop();
  page.server.loseHistory();
  await pass(30_000);
  expect(client.state.get().status).toBe('live');
  expect(errors).toHaveBeenCalled();
});

test('a handler that is removed while an event is dispatched is not called', async () => {
  const { handlers } = await join();
  const second = vi.fn<(given?: unknown) => void>();
  let removeSecond = () => {};
  handlers.subscribe('a:1', () => removeSecond());
  removeSecond = handlers.subscribe('a:1', second);
  page.server.send({ type: 'a:1' });
  await pass();
  expect(second).not.toHaveBeenCalled();
});

test('the same handler twice is two registrations, each with its own end', async () => {
  const { handlers } = await join();
  const handler = vi.fn<(given?: unknown) => void>();
  const stop = handlers.subscribe('a:1', handler);
  handlers.subscribe('a:1', handler);
  page.server.send({ type: 'a:1' });
  await pass();
  expect(handler).toHaveBeenCalledTimes(2);
  stop();
  stop();
  page.server.send({ type: 'a:1' });
  await pass();
  expect(handler).toHaveBeenCalledTimes(3);
});

test('what is no event is ignored, and what the server reserves reaches no handler', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const { events } = await join();
  page.server.send({ type: 7 as unknown as string });
  page.server.send({ type: 'trunkline:refresh', data: { tables: ['users'], cause: 'x' } });
  await pass();
  expect(events).toEqual([]);
  expect(warned).toHaveBeenCalledTimes(1);
});

test('what another client publishes reaches handlers and nothing else', async () => {
  const { events, client } = await join();
  const data = { operationId: 'op', operationType: 'user-import' };
  page.server.send({ type: 'operation:progress', data }, { fromClient: true });
  await pass();
  expect(events).toHaveLength(1);
  expect(client.operations.values()).toEqual([]);
});

test('isConnected stays true through 1.5 s without a connection', async () => {
  const { client } = await join();
  page.server.isUp = false;
  page.server.drop();
  await pass(1499);
  expect(client.state.get()).toMatchObject({ isConnected: true, status: 'reconnecting' });
  expect(client.state.get().reconnectAt).toEqual(expect.any(Number));
  await pass(1);
  expect(client.state.get()).toMatchObject({ isConnected: false });
  page.server.isUp = true;
  await pass(30_000);
  expect(client.state.get()).toMatchObject({ isConnected: true, reconnectAt: null });
});

test('reconnect does not wait for the back-off', async () => {
  const { client } = await join();
  page.server.isUp = false;
  page.server.drop();
  await pass(60_000);
  page.server.isUp = true;
  client.reconnect();
  await pass();
  expect(client.state.get().status).toBe('live');
  const attempts = page.server.connects.length;
  client.reconnect();
  await pass();
  expect(page.server.connects).toHaveLength(attempts);
});

test('a refused login ends the connection but not the client', async () => {
  page.server.answer = { close: 3500 };
  const onGap = vi.fn<(given?: unknown) => void>();
  const { client, events } = await join({ onGap });
  expect(client.state.get()).toMatchObject({ status: 'auth-failed', isConnected: false });
  await pass(600_000);
  expect(page.server.connects).toHaveLength(1);
  page.server.answer = { userId: '42' };
  client.reconnect();
  await pass();
  page.server.send({ type: 'a:1' });
  await pass();
  expect(client.state.get().status).toBe('live');
  expect(events).toHaveLength(1);
  expect(onGap).not.toHaveBeenCalled();
});

test('a log-in after a refusal in between counts as a gap', async () => {
  const onGap = vi.fn<(given?: unknown) => void>();
  const { client } = await join({ onGap });
  page.server.answer = { close: 3500 };
  page.server.drop();
  await pass(30_000);
  expect(client.state.get().status).toBe('auth-failed');
  page.server.answer = { userId: '42' };
  client.reconnect();
  await pass();
  expect(onGap).toHaveBeenCalledWith({ channels: ['@user', '@all'] });
});

test('a server that fails is tried again, for ever', async () => {
  page.server.answer = { close: 3004 };
  const { client } = await join();
  await pass(600_000);
  expect(page.server.connects.length).toBeGreaterThan(20);
  expect(client.state.get().status).toBe('connecting');
});

test('another user than the page says: closed, before any event is handed over', async () => {
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  const { events, client } = await join();
  page.server.answer = { userId: '7' };
  page.server.drop();
  page.server.send({ type: 'a:1' });
  await pass(30_000);
  page.server.send({ type: 'a:2' });
  await pass();
  expect(client.state.get()).toMatchObject({ status: 'identity-mismatch', isConnected: false });
  expect(events).toEqual([]);
  expect(errors).toHaveBeenCalledTimes(1);
  expect(page.server.clients).toEqual([]);
});

test('a server that does not say who this is counts as another user', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  page.server.answer = { userId: 42 as unknown as string };
  const { client } = await join();
  expect(client.state.get().status).toBe('identity-mismatch');
});

test('the same user in another realm starts over, without the old positions', async () => {
  const onGap = vi.fn<(given?: unknown) => void>();
  const { client, events } = await join({ onGap });
  const data = { operationId: 'op', operationType: 'user-import', percentage: 10 };
  page.server.send({ type: 'operation:progress', data });
  await pass();
  page.server.answer = { userId: '42', realm: PLATFORM };
  page.server.drop();
  page.server.send({ type: 'a:secret' });
  await pass(30_000);
  expect(events.map(({ type }) => type)).toEqual(['operation:progress']);
  expect(client.operations.values()).toEqual([]);
  expect(page.server.connects.at(-1)).not.toHaveProperty('subs');
  expect(client.state.get()).toMatchObject({ status: 'live', identity: { realm: PLATFORM } });
  expect(onGap).toHaveBeenCalledTimes(1);
});

function address(userId: string) {
  return toAddress(userId, { url: 'ws://test/connection/websocket' });
}

test('consumers share a connection, which outlives the last one by 5 s', async () => {
  const [a, b] = [connectAs(page, '42'), connectAs(page, '42')];
  await pass();
  expect(a.client).toBe(b.client);
  a.release();
  a.release();
  await pass(10_000);
  expect(page.server.clients).toHaveLength(1);
  b.release();
  await pass(4999);
  const c = connectAs(page, '42');
  await pass(10_000);
  expect(c.client).toBe(a.client);
  expect(page.server.connects).toHaveLength(1);
  c.release();
  await pass(5000);
  expect(page.server.clients).toEqual([]);
});

test('another identity ends what only lingers, before it connects', async () => {
  const order: string[] = [];
  const lease = connectAs(page, '42');
  await pass();
  lease.release();
  lease.client.state.subscribe(() => order.push(lease.client.state.get().status));
  page.server.answer = () => {
    order.push('connect as 7');
    return { userId: '7' };
  };
  connectAs(page, '7');
  await pass();
  expect(order).toEqual(['closed', 'connect as 7']);
  expect(page.server.connects.at(-1)).not.toHaveProperty('subs');
});

test('a log-out ends what only lingers', async () => {
  connectAs(page, '42').release();
  await pass();
  page.registry.enter(address(''));
  expect(page.server.clients).toEqual([]);
});

test('two users at once are two connections and one warning', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  page.server.answer = (connect) => ({ userId: connect.token ?? '42' });
  connectAs(page, '42');
  connectAs(page, '7', { getToken: () => '7' });
  connectAs(page, '8', { getToken: () => '8' });
  await pass();
  expect(page.server.clients).toHaveLength(3);
  expect(warned).toHaveBeenCalledTimes(1);
});

test('the first page-wide settings win, and others throw', () => {
  const configure = (registry: Registry, url: string) =>
    registry.configure({ url, getToken: () => 'token' });
  configure(page.registry, '/a');
  configure(page.registry, '/a');
  expect(() => configure(page.registry, '/b')).toThrow('called before with other settings');
  expect(page.registry.settings.url).toBe('/a');
});

const progress = (percentage: number, operationId = 'op') =>
  page.server.send({
    type: 'operation:progress',
    data: { operationId, operationType: 'user-import', percentage },
  });
const fail = (operationId: string) =>
  page.server.send({
    type: 'operation:error',
    data: { operationId, operationType: 'user-import', error: operationId },
  });

/** What an adapter has on the screen. */
function newScreen() {
  const shown = new Map<string, string>();
  const toast: ToastAdapter = {
    show: ({ id, title }) => void shown.set(id, title),
    dismiss: (id) => void shown.delete(id),
  };
  return { shown, toast };
}

test('what a client that was closed as unused has left on the screen goes with its user', async () => {
  const { shown, toast } = newScreen();
  const lease = connectAs(page, '42', { toast });
  lease.client.toasts.mount(() => ({}));
  await pass();
  fail('x');
  await pass();
  lease.release();
  await pass(60_000);
  connectAs(page, '42', { toast }).release();
  expect([...shown.values()]).toEqual(['User Import failed']);
  page.server.answer = { userId: '7' };
  connectAs(page, '7', { toast });
  expect([...shown.values()]).toEqual([]);
});

test('a page that comes and goes for days keeps the toasts of its last visits only', async () => {
  const { shown, toast } = newScreen();
  for (let visit = 0; visit < 8; visit += 1) {
    const lease = connectAs(page, '42', { toast });
    lease.client.toasts.mount(() => ({}));
    await pass();
    fail(`visit-${visit}`);
    await pass();
    lease.release();
    await pass(60_000);
  }
  expect(shown.size).toBe(5);
  page.server.answer = { userId: '7' };
  connectAs(page, '7', { toast });
  expect(shown.size).toBe(0);
});

test('a client that is left to somebody else does not linger', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const { shown, toast } = newScreen();
  const old = connectAs(page, '42', { toast });
  old.client.toasts.mount(() => ({}));
  await pass();
  fail('x');
  await pass();
  page.server.answer = { userId: '7' };
  connectAs(page, '7', { toast });
  await pass();
  old.release();
  expect(page.server.clients).toHaveLength(1);
  expect(old.client.state.get().status).toBe('closed');
  expect([...shown.values()]).toEqual([]);
});

test('each attempt asks for a token anew', async () => {
  let asked = 0;
  const getToken = () => `token-${++asked}`;
  const { client } = await join({ getToken });
  page.server.drop();
  await pass(30_000);
  page.server.answer = { error: { code: 100, message: 'busy', temporary: true } };
  page.server.drop();
  await pass(3000);
  page.server.answer = { error: { code: 109, message: 'token expired' } };
  await pass(60_000);
  expect(client.state.get().status).toBe('reconnecting');
  page.server.answer = { userId: '42' };
  client.reconnect();
  await pass();
  const tokens = page.server.connects.map(({ token }) => token);
  expect(tokens.length).toBeGreaterThan(5);
  expect(tokens).toEqual(tokens.map((_, i) => `token-${i + 1}`));
  expect(client.state.get().status).toBe('live');
});

test('each attempt of a network that is down asks anew, too', async () => {
  let asked = 0;
  page.server.isUp = false;
  await join({ getToken: () => `token-${++asked}` });
  await pass(60_000);
  expect(asked).toBeGreaterThan(2);
  page.server.isUp = true;
  await pass(30_000);
  expect(page.server.connects.map(({ token }) => token)).toEqual([`token-${asked}`]);
});

test('a token that ends is replaced while the connection goes on', async () => {
  page.server.answer = { userId: '42', ttl: 60 };
  let asked = 0;
  const { client } = await join({ getToken: () => `token-${++asked}` });
  await pass(130_000);
  expect(page.server.refreshes).toEqual(['token-2', 'token-3']);
  expect(page.server.connects.map(({ token }) => token)).toEqual(['token-1']);
  expect(client.state.get().status).toBe('live');
});

test('no token means that nobody is logged in', async () => {
  const { client } = await join({ getToken: () => null });
  expect(client.state.get().status).toBe('auth-failed');
  expect(page.server.connects).toEqual([]);
});

test('a token that comes late is used at once', async () => {
  page.server.answer = ({ token }) => (token === 'late' ? { userId: '42' } : { close: 3500 });
  const lease = connectAs(page, '42');
  await pass();
  expect(lease.client.state.get().status).toBe('auth-failed');
  lease.configure({ getToken: () => 'late' });
  await pass();
  expect(lease.client.state.get().status).toBe('live');
  lease.configure({ getToken: () => 'later' });
  await pass();
  expect(page.server.connects).toHaveLength(2);
});

test("two pages of one user: both hear, the newest one's token counts, and none stays", async () => {
  const heard: string[] = [];
  const as = (name: string) => ({
    getToken: () => name,
    onGap: () => void heard.push(`gap ${name}`),
    onError: () => void heard.push(`error ${name}`),
  });
  const a = connectAs(page, '42', as('a'));
  const handlers = new HandlerSet();
  handlers.subscribe('a:1', () => {
    throw new Error('broken');
  });
  a.client.attach(handlers);
  await pass();
  const b = connectAs(page, '42', as('b'));
  const loseSome = async () => {
    page.server.send({ type: 'a:1' });
    await pass();
    page.server.drop();
    page.server.loseHistory();
    await pass(30_000);
  };
  await loseSome();
  expect(heard).toEqual(['error a', 'error b', 'gap a', 'gap b']);
  heard.length = 0;
  b.release();
  await loseSome();
  expect(heard).toEqual(['error a', 'gap a']);
  connectAs(page, '42');
  a.release();
  heard.length = 0;
  vi.spyOn(console, 'error').mockImplementation(() => {});
  await loseSome();
  expect(heard).toEqual([]);
  expect(page.server.connects.map(({ token }) => token)).toEqual(['a', 'b', 'a', undefined]);
});

test('one onGap that many hooks share is called once', async () => {
  const onGap = vi.fn<(given?: unknown) => void>();
  await join({ onGap });
  await join({ onGap });
  page.server.drop();
  page.server.loseHistory();
  await pass(30_000);
  expect(onGap).toHaveBeenCalledTimes(1);
});

test('a gap is told even if the connection fails during the replay', async () => {
  const onGap = vi.fn<(given?: unknown) => void>();
  const { client, handlers } = await join({ onGap });
  const drop = vi.fn<() => void>(() => page.server.drop());
  handlers.subscribe('a:1', drop);
  page.server.drop();
  page.server.loseHistory('@user');
  page.server.send({ type: 'a:1' }, { channel: '@all' });
  await pass(60_000);
  expect(drop).toHaveBeenCalledTimes(1);
  expect(client.state.get().status).toBe('live');
  expect(onGap.mock.calls).toEqual([[{ channels: ['@user'] }]]);
});

test('operations that fail to be shown still refresh their tables', async () => {
  const errors: unknown[] = [];
  const { client } = await join({ onError: (error) => errors.push(error) });
  const refresh = vi.spyOn(client.refreshes, 'onEvent');
  vi.spyOn(client.toasts, 'update').mockImplementation(() => {
    throw new Error('broken');
  });
  progress(10);
  await pass();
  expect(refresh).toHaveBeenCalledTimes(1);
  expect(errors).toHaveLength(1);
});

test('a channel that was left has no memory', async () => {
  const { events } = await join();
  const channels = ['@user', 'chat:1'];
  page.server.answer = { userId: '42', channels };
  page.server.drop();
  await pass(30_000);
  page.server.send({ type: 'a:1', id: 'same' }, { channel: 'chat:1' });
  page.server.answer = { userId: '42', channels: ['@user'] };
  await pass();
  page.server.drop();
  await pass(30_000);
  page.server.answer = { userId: '42', channels };
  page.server.drop();
  await pass(30_000);
  page.server.send({ type: 'a:1', id: 'same' }, { channel: 'chat:1' });
  await pass();
  expect(events).toHaveLength(2);
});

test('a bad url leaves nothing behind', async () => {
  const connect = (url: string) =>
    page.registry.acquire({ url, userId: '42', tenantId: undefined }, {});
  expect(() => connect('http://[')).toThrow('Invalid URL');
  expect(() => connect('http://[')).toThrow('Invalid URL');
  expect(page.registry.clients.get()).toEqual([]);
});
