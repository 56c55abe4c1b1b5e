import type { Principal } from '@trunkline/server';
import { disconnects, Node } from '@trunkline/server';
import { Session } from '@trunkline/server/testing';
import { expect, test } from 'vitest';
import { HeldHistoryBroker } from './broken-brokers.ts';
import { acme, connected, MemoryAudit, MemoryLog, RawClient, serve } from './harness.ts';

const ada: Principal = { userId: 'ada', realm: acme, roles: [] };

const empty = { connections: 0, unauthenticated: 0, subscriptions: 0, channels: 0 };

/** Lets the promises of that many steps settle. */
async function microtasks(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await Promise.resolve();
}

const nowhere = { bufferedBytes: 0, send: () => {}, close: () => {}, terminate: () => {} };

test('a session that is closed anywhere in its connect leaves nothing in the hub', async () => {
  const joined = new Set<number>();
  for (let steps = 0; steps < 60; steps += 1) {
    const node = new Node({
      authenticate: () => ada,
      roomsOf: () => ['chat:1'],
      log: new MemoryLog(),
    });
    await node.start();
    const handshake = { headers: {}, url: '/', remoteAddress: '' };
    const session = new Session({ node, transport: nowhere, handshake });
    session.receive('{"id":1,"connect":{}}');
    await microtasks(steps);
    joined.add(node.stats().channels);
    session.close(disconnects.shutdown);
    await new Promise(setImmediate);
    expect(node.stats()).toMatchObject({ channels: 0 });
    session.closed();
    await node.stop();
  }
  expect(joined).toEqual(new Set([0, 3])); // before and after its joins
});

test('a session that is closed anywhere in a subscribe leaves nothing in the hub', async () => {
  for (let steps = 0; steps < 60; steps += 1) {
    const node = new Node({
      authenticate: () => ada,
      rooms: { '*': { authorize: () => true } },
      log: new MemoryLog(),
      audit: new MemoryAudit(),
    });
    await node.start();
    const handshake = { headers: {}, url: '/', remoteAddress: '' };
    const session = new Session({ node, transport: nowhere, handshake });
    session.receive('{"id":1,"connect":{}}');
    await new Promise(setImmediate);
    session.receive('{"id":2,"subscribe":{"channel":"chat:1"}}');
    await microtasks(steps);
    session.close(disconnects.shutdown);
    await new Promise(setImmediate);
    expect(node.stats()).toMatchObject({ channels: 0 });
    session.closed();
    await node.stop();
  }
});

test('a client that goes away during authenticate leaves nothing behind', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Principal>();
  const server = await serve({
    authenticate: async () => {
      asked.resolve();
      return await answer.promise;
    },
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  await asked.promise;
  client.socket.terminate();
  await server.node.connections.emptied();
  answer.resolve(ada);
  await new Promise(setImmediate);
  expect(server.node.stats()).toMatchObject(empty);
});

test('a client that goes away while its history is read leaves nothing behind', async () => {
  const broker = new HeldHistoryBroker();
  const server = await serve({ broker });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  await broker.asked;
  expect(server.node.stats().channels).toBe(2);
  client.socket.terminate();
  await server.node.connections.emptied();
  expect(server.node.stats().channels).toBe(0);
  broker.release();
  await new Promise(setImmediate);
  expect(server.node.stats()).toMatchObject(empty);
});

test('the last one leaving and a new one joining at once end in a channel that is announced', async () => {
  const server = await serve({ rooms: { '*': { authorize: () => true } } });
  const [first, second] = [
    await connected(server, 'acme/ada'),
    await connected(server, 'acme/bob'),
  ];
  for (let id = 2; id < 40; id += 2) {
    await first.ask(id, { subscribe: { channel: 'chat:1' } });
    const [left, joined] = await Promise.all([
      first.ask(id + 1, { unsubscribe: { channel: 'chat:1' } }),
      second.ask(id, { subscribe: { channel: 'chat:1' } }),
    ]);
    expect([left, joined]).toMatchObject([{ unsubscribe: {} }, { subscribe: {} }]);
    const channel = { realm: acme, target: { kind: 'room', room: 'chat:1' } } as const;
    await server.node.publish(channel, `${id}`);
    await second.publication(id);
    await second.ask(id + 1, { unsubscribe: { channel: 'chat:1' } });
  }
});
