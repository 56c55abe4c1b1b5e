import { MemoryBroker } from '@trunkline/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Draining } from '../src/draining.ts';
import { connected, RawClient, roomChannel, serve, upgrade, userChannel } from './harness.ts';

const rooms = { 'chat:*': { authorize: () => true } };
const nothing = { connections: 0, unauthenticated: 0, subscriptions: 0, channels: 0 };

/** Keeps count of what a node has subscribed. */
class CountingBroker extends MemoryBroker {
  readonly followed = new Set<string>();
  stoppedWith = -1;
  override async subscribe(channel: string) {
    this.followed.add(channel);
    await super.subscribe(channel);
  }
  override async unsubscribe(channel: string) {
    this.followed.delete(channel);
    await super.unsubscribe(channel);
  }
  override async stop() {
    this.stoppedWith = this.followed.size;
    await super.stop();
  }
}

test('a drain refuses upgrades with 503 and closes everybody with 3001 within its spread', async () => {
  const server = await serve();
  const users = Array.from({ length: 20 }, (_, n) => `acme/u${n}`);
  const clients = await Promise.all(users.map((user) => connected(server, user)));
  const begin = performance.now();
  const draining = server.node.drain({ waitMs: 100, spreadMs: 200, deadlineMs: 5_000 });
  const refused = await upgrade(server.url);
  expect(refused.status).toBe(503);
  expect(refused.headers['retry-after']).toBe('1');
  const closed = clients.map(async (client) => {
    const code = await client.closed();
    return { code, after: performance.now() - begin };
  });
  await draining;
  const ends = await Promise.all(closed);
  expect(new Set(ends.map(({ code }) => code))).toEqual(new Set([3001]));
  const times = ends.map(({ after }) => after);
  expect(Math.min(...times)).toBeGreaterThanOrEqual(99);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(50); // spread, not a storm
  expect(server.node.stats()).toMatchObject(nothing);
});

test('newcomers are refused from beginDrain on, and nobody has to go before the drain', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  expect(server.node.readiness).toBe('ready');
  expect(server.node.beginDrain()).toBe(0);
  server.node.beginDrain();
  expect(server.node.readiness).toBe('draining');
  expect((await upgrade(server.url)).status).toBe(503);
  expect(await client.ask(2, { subscribe: { channel: 'chat:1' } })).toHaveProperty('subscribe');
  await server.node.drain({ waitMs: 0, spreadMs: 0 });
  expect(await client.closed()).toBe(3001);
});

test('the times of a drain count from when newcomers were refused, its deadline too', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const draining = new Draining();
  expect(draining.hasBegun).toBe(false);
  draining.begin();
  const left = (afterMs: number) => {
    vi.advanceTimersByTime(afterMs);
    return draining.timesLeft({});
  };
  expect(left(0)).toEqual({ waitMs: 5_000, spreadMs: 15_000, deadlineMs: 25_000 });
  expect(left(3_000)).toEqual({ waitMs: 2_000, spreadMs: 15_000, deadlineMs: 22_000 });
  expect(left(7_000)).toEqual({ waitMs: 0, spreadMs: 15_000, deadlineMs: 15_000 });
  expect(left(12_000)).toEqual({ waitMs: 0, spreadMs: 3_000, deadlineMs: 3_000 });
  expect(left(60_000)).toEqual({ waitMs: 0, spreadMs: 0, deadlineMs: 0 });
});

test('the spread ends with the deadline: everybody is told to come back', async () => {
  const server = await serve();
  const clients = await Promise.all(['acme/a', 'acme/b'].map((user) => connected(server, user)));
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  onTestFinished(() => void vi.restoreAllMocks());
  await server.node.drain({ waitMs: 0, spreadMs: 60_000, deadlineMs: 2_000 });
  const codes = await Promise.all(clients.map((client) => client.closed()));
  expect(codes).toEqual([3001, 3001]);
});

test('what has not gone by the deadline is destroyed, whatever hangs', async () => {
  const authenticate = async () => await new Promise<never>(() => {});
  const server = await serve({ authenticate });
  const deaf = await new RawClient(server.url).open();
  deaf.send({ id: 1, connect: {} });
  deaf.socket.pause(); // it will not answer the close either
  const begin = performance.now();
  await server.node.drain({ waitMs: 0, spreadMs: 0, deadlineMs: 150 });
  expect(performance.now() - begin).toBeLessThan(1_000);
  expect(server.node.stats()).toMatchObject(nothing);
});

test('a stop in the middle of a drain ends both', async () => {
  const server = await serve();
  await Promise.all(['acme/a', 'acme/b'].map((user) => connected(server, user)));
  const draining = server.node.drain({ waitMs: 60_000, deadlineMs: 120_000 });
  const second = server.node.drain({ waitMs: 60_000, deadlineMs: 120_000 });
  await server.node.stop();
  await Promise.all([draining, second]);
  expect(server.node.stats()).toMatchObject(nothing);
});

test('a drain of nobody ends at once', async () => {
  const server = await serve();
  await server.node.drain();
  expect((await upgrade(server.url)).status).toBe(503);
});

test('a stop leaves every channel before it stops the broker', async () => {
  const broker = new CountingBroker();
  const server = await serve({ broker, rooms });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(broker.followed.size).toBe(3);
  await server.node.stop();
  expect(broker.stoppedWith).toBe(0);
  expect(server.node.stats()).toMatchObject(nothing);
  expect(await client.closed()).toBe(1006);
});

test('when everybody has left nothing is left (I8)', async () => {
  const broker = new CountingBroker();
  const server = await serve({ broker, rooms, roomsOf: () => ['chat:2'] });
  for (let round = 0; round < 5; round += 1) {
    const users = Array.from({ length: 8 }, (_, n) => `${n % 2 ? 'acme' : 'globex'}/u${n}/staff`);
    const clients = await Promise.all(users.map((user) => connected(server, user)));
    for (const client of clients) client.send({ id: 2, subscribe: { channel: 'chat:1' } });
    await Promise.all(clients.map((client) => client.reply(2)));
    const mute = await new RawClient(server.url).open();
    await server.node.publish(roomChannel('chat:1'), '1');
    await server.node.publish(userChannel('u1'), '1');
    clients.slice(0, 3).forEach((client) => client.socket.terminate());
    clients.slice(3, 5).forEach((client) => client.send('garbage'));
    clients.slice(5).forEach((client) => client.socket.close());
    mute.socket.close();
    await server.node.connections.emptied();
    expect(server.node.stats()).toMatchObject(nothing);
  }
  await new Promise(setImmediate);
  expect(broker.followed).toEqual(new Set());
});

test('a node that was attached and never used stops', async () => {
  const server = await serve();
  await server.node.stop();
  expect(server.node.stats()).toMatchObject(nothing);
});
