import { MemoryBroker } from '@trunkline/server';
import { expect, test } from 'vitest';
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
