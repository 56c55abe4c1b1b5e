import { createFetch, TableRefresher } from '@trunkline/client';
import { CONNECTION_HEADER, TENANT_HEADER } from '@trunkline/contract';
import { afterEach, expect, test, vi } from 'vitest';
import { connectAs, newPages, pass } from './harness.ts';

const page = newPages();
afterEach(() => setOnline(true));

function setOnline(isOnline: boolean) {
  Object.defineProperty(navigator, 'onLine', { value: isOnline, configurable: true });
  window.dispatchEvent(new Event(isOnline ? 'online' : 'offline'));
}

test('offline says so, and online connects at once', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  setOnline(false);
  page.server.isUp = false;
  await pass(60_000);
  expect(client.state.get().status).toBe('offline');
  page.server.isUp = true;
  setOnline(true);
  expect(client.state.get().status).toBe('reconnecting');
  await pass();
  expect(client.state.get().status).toBe('live');
});

test('a refused login is tried again on focus, at most every 30 s', async () => {
  page.server.answer = { close: 3500 };
  const { client } = connectAs(page, '42');
  await pass();
  window.dispatchEvent(new Event('focus'));
  await pass();
  expect(page.server.connects).toHaveLength(1);
  await pass(30_000);
  page.server.answer = { userId: '42' };
  window.dispatchEvent(new Event('focus'));
  await pass();
  expect(client.state.get().status).toBe('live');
});

test.each([3502, 3501])(
  'closed with %i: tried again on focus, like a refused login',
  async (close) => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    page.server.answer = { close };
    const { client } = connectAs(page, '42');
    await pass();
    expect(client.state.get().status).toBe('closed');
    page.server.answer = { userId: '42' };
    await pass(29_000);
    window.dispatchEvent(new Event('focus'));
    await pass();
    expect(page.server.connects).toHaveLength(1);
    await pass(1000);
    window.dispatchEvent(new Event('focus'));
    await pass();
    expect(client.state.get().status).toBe('live');
  },
);

test('a long silence is checked on return, and a dead connection replaced', async () => {
  const { client } = connectAs(page, '42');
  await pass();
  page.server.send({ type: 'a:1' });
  await pass();
  window.dispatchEvent(new Event('focus'));
  await pass();
  expect(page.server.frames).toHaveLength(1);

  // the laptop sleeps: time goes by, timers do not
  vi.setSystemTime(Date.now() + 60_000);
  window.dispatchEvent(new Event('focus'));
  await pass();
  expect(page.server.frames.at(-1)).toContain('trunkline:ping');
  await pass(1000);
  expect(page.server.connects).toHaveLength(1);

  vi.setSystemTime(Date.now() + 60_000);
  page.server.isDeaf = true;
  window.dispatchEvent(new Event('focus'));
  await pass(4000);
  page.server.isDeaf = false;
  await pass(1500);
  expect(page.server.connects).toHaveLength(2);
  expect(client.state.get().status).toBe('live');
});

test('a closed client leaves nothing on the page', async () => {
  const lease = connectAs(page, '42');
  await pass();
  const stop = new TableRefresher({ callback: () => {} }).listen(['users']);
  stop();
  lease.release();
  await pass(5000);
  window.dispatchEvent(new Event('focus'));
  setOnline(false);
  setOnline(true);
  await pass(60_000);
  expect(page.server.connects).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});

/** What requests of the page carry to the server. */
async function sentHeaders(...requests: Parameters<typeof fetch>[]) {
  const sent: Request[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (request) => {
    sent.push(request as Request);
    return new Response();
  });
  const send = createFetch(() => page.registry);
  await Promise.all(requests.map(async (request) => await send(...request)));
  return sent.map(({ headers }) => headers);
}

test('createFetch names the connection and the tenant, to the own server only', async () => {
  connectAs(page, '42', { tenantId: 'acme' });
  await pass();
  const json = { 'content-type': 'application/json' };
  const [own, other] = await sentHeaders(
    ['/api/users', { method: 'POST', headers: json }],
    ['https://elsewhere.test/'],
  );
  expect(own?.get(CONNECTION_HEADER)).toBe(page.server.clients[0]);
  expect(own?.get(TENANT_HEADER)).toBe('acme');
  expect(own?.get('content-type')).toBe('application/json');
  expect(other?.get(CONNECTION_HEADER)).toBeNull();
  expect(other?.get(TENANT_HEADER)).toBeNull();
});

test('createFetch names the tenant before there is a connection, and after a switch the new one', async () => {
  page.registry.configure({ tenantId: 'initech' });
  const [first] = await sentHeaders(['/a']);
  expect(first?.get(TENANT_HEADER)).toBe('initech');
  const lease = connectAs(page, '42', { tenantId: 'acme' });
  const [second] = await sentHeaders(['/b']);
  expect(second?.get(TENANT_HEADER)).toBe('acme');
  expect(second?.get(CONNECTION_HEADER)).toBeNull();
  await pass();
  lease.release();
  connectAs(page, '42', { tenantId: 'globex' });
  const [third] = await sentHeaders(['/c']);
  expect(third?.get(TENANT_HEADER)).toBe('globex');
  expect(third?.get(CONNECTION_HEADER)).toBeNull();
});

test('createFetch leaves a tenant alone that the request names, and rejects where fetch does', async () => {
  connectAs(page, '42', { tenantId: 'acme' });
  const [headers] = await sentHeaders(['/a', { headers: { [TENANT_HEADER]: 'globex' } }]);
  expect(headers?.get(TENANT_HEADER)).toBe('globex');
  await expect(createFetch(() => page.registry)('http://[')).rejects.toThrow('Invalid URL');
});
