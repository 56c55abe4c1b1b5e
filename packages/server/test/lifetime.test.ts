import { defaultLimits } from '@trunkline/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Lifetime } from '../src/lifetime.ts';
import { TimerWheel } from '../src/timer-wheel.ts';
import { acme, connected, RawClient, serve } from './harness.ts';

const fast = { pingIntervalMs: 60, pongTimeoutMs: 30 };
const isPing = (line: object) => Object.keys(line).length === 0;

test('a client that answers its pings lives, one that does not is told 3012', async () => {
  const server = await serve({ limits: fast });
  const [alive, dead] = [await connected(server, 'acme/ada'), await connected(server, 'acme/bob')];
  alive.socket.on('message', (data: Buffer) => data.toString() === '{}' && alive.send('{}'));
  expect(await dead.closed()).toBe(3012);
  while (alive.lines.filter(isPing).length < 4) await alive.line(isPing).then(pause);
  expect(alive.closeCode).toBeNull();
  expect(dead.lines.filter(isPing)).toHaveLength(1);
});

test('who does not answer the close either is gone a second later', async () => {
  const server = await serve({ limits: fast });
  const dead = await connected(server, 'acme/ada');
  dead.socket.pause();
  await vi.waitFor(() => expect(server.node.stats().connections).toBe(0), { timeout: 4_000 });
});

test('other traffic is no pong', async () => {
  const server = await serve({ limits: fast });
  const client = await connected(server, 'acme/ada');
  let id = 2;
  const timer = setInterval(() => client.send({ id: (id += 1), rpc: {} }), 5);
  expect(await client.closed()).toBe(3012);
  clearInterval(timer);
});

test('a second pong to one ping ends the connection with 3501', async () => {
  const server = await serve({ limits: { pingIntervalMs: 200, pongTimeoutMs: 150 } });
  const client = await connected(server, 'acme/ada');
  await client.line(isPing);
  client.send('{}', '{}');
  expect(await client.closed()).toBe(3501);
});

test('a pong is taken while a command waits for its hook', async () => {
  const authorize = async () => await new Promise<never>(() => {});
  const server = await serve({
    rooms: { '*': { authorize } },
    limits: { ...fast, hookTimeoutMs: 200 },
  });
  const client = await connected(server, 'acme/ada');
  client.socket.on('message', (data: Buffer) => data.toString() === '{}' && client.send('{}'));
  expect((await client.ask(2, { subscribe: { channel: 'chat:1' } })).error?.code).toBe(100);
});

test('a pong that arrived while this process was stalled counts', async () => {
  const server = await serve({ limits: { pingIntervalMs: 80, pongTimeoutMs: 40 } });
  const client = await connected(server, 'acme/ada');
  let pings = 0;
  const third = Promise.withResolvers<void>();
  client.socket.on('message', (data: Buffer) => {
    if (data.toString() !== '{}') return;
    client.send('{}');
    stall(90); // longer than a pong may take: its deadline is over before the pong is read
    pings += 1;
    if (pings === 3) third.resolve();
  });
  await Promise.race([third.promise, client.closed()]);
  expect(client.closeCode).toBeNull();
});

test('no connect in time: 3502; one that arrived while this process was stalled counts', async () => {
  const server = await serve({ limits: { connectDeadlineMs: 40 } });
  const mute = await new RawClient(server.url).open();
  expect(await mute.closed()).toBe(3502);
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  stall(80);
  expect(await client.reply(1)).toHaveProperty('connect');
});

test('an authenticate that is slow is our lateness: 3004, not 3502', async () => {
  const server = await serve({
    authenticate: async () => await new Promise<never>(() => {}),
    limits: { connectDeadlineMs: 20, hookTimeoutMs: 60 },
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  expect(await client.closed()).toBe(3004);
});

test('joins that never end are our lateness too', async () => {
  const server = await serve({ limits: { connectDeadlineMs: 20, hookTimeoutMs: 20 } });
  server.node.history = async () => await new Promise<never>(() => {});
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await client.closed()).toBe(3004);
  expect(server.node.stats().channels).toBe(0);
});

test('a connection ends with its principal: 3005, not before', async () => {
  const expiresAt = Date.now() + 150;
  const server = await serve({
    authenticate: () => ({ userId: 'a', realm: acme, roles: [], expiresAt }),
  });
  const client = await connected(server, 'any');
  expect(await client.closed()).toBe(3005);
  expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
});

test('a principal that has ended already is refused for good, or it would come back for ever', async () => {
  const expiresAt = Date.now() - 1;
  const server = await serve({
    authenticate: () => ({ userId: 'a', realm: acme, roles: [], expiresAt }),
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  expect((await client.reply(1)).error).toEqual({ code: 110, message: 'expired' });
});

test('a principal that lasts longer than a timer can be set does not end at once', async () => {
  const expiresAt = Date.now() + 2 ** 40;
  const server = await serve({
    authenticate: () => ({ userId: 'a', realm: acme, roles: [], expiresAt }),
  });
  const client = await connected(server, 'any');
  await pause();
  expect(await client.ask(2, { unsubscribe: { channel: 'x' } })).toEqual({
    id: 2,
    unsubscribe: {},
  });
});

test('limits of Infinity are no limits', async () => {
  const unlimited = {
    connectDeadlineMs: Infinity,
    hookTimeoutMs: Infinity,
    publishTimeoutMs: Infinity,
  };
  const authenticate = async () => {
    await pause();
    return { userId: 'ada', realm: acme, roles: [] };
  };
  const server = await serve({ authenticate, limits: unlimited });
  expect((await connected(server, 'any')).closeCode).toBeNull();
});

test.each([
  [{ pongTimeoutMs: 25_000 }, 'pongTimeoutMs'],
  [{ pingIntervalMs: Infinity }, 'pingIntervalMs'],
  [{ maxRecoveryBytes: 1024 * 1024 }, 'maxRecoveryBytes'],
  [{ maxPendingCommands: 128 }, 'maxPendingCommands'],
  [{ maxQueuedBytes: 0 }, 'maxQueuedBytes'],
  [{ hookTimeoutMs: Number.NaN }, 'hookTimeoutMs'],
])('a node refuses limits that cannot work: %j', async (limits, name) => {
  await expect(serve({ limits })).rejects.toThrow(name);
});

test('a new end after a stall of this process does not judge a pong that has not been read yet', async () => {
  const close = vi.fn<() => void>();
  const pinged = Promise.withResolvers<void>();
  const node = { limits: { ...defaultLimits, ...fast }, wheel: new TimerWheel() };
  const lifetime = new Lifetime({
    node,
    close,
    exceeded: () => {},
    recheck: () => {},
    sendPing: () => pinged.resolve(),
  });
  onTestFinished(() => lifetime.end());
  lifetime.start();
  await pinged.promise;
  stall(fast.pongTimeoutMs + 20);
  lifetime.expireAt(Date.now() + 60_000, 0);
  expect(close).not.toHaveBeenCalled();
  expect(lifetime.pong()).toBe(true);
});

test('an anonymous principal has no user channel', async () => {
  const server = await serve();
  const { subs, data } = await new RawClient(server.url).connect('acme/');
  expect(Object.keys(subs ?? {})).toEqual(['@all']);
  expect(data).toMatchObject({ userId: '' });
});

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function stall(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
