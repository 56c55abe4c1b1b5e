import type { RoomRules } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { expect, test } from 'vitest';
import { acme, connected, globex, RawClient, roomChannel, serve } from './harness.ts';

const rooms: RoomRules = { 'chat:*': { authorize: () => true } };
const ada = { realm: acme, userId: 'ada' };

test('a user who is put into a room hears it on every connection, and nobody else does', async () => {
  const server = await serve({ rooms });
  const [first, second] = [
    await connected(server, 'acme/ada'),
    await connected(server, 'acme/ada'),
  ];
  const others = [await connected(server, 'acme/ben'), await connected(server, 'globex/ada')];
  await server.node.publish(roomChannel('chat:1'), '"before"');
  await server.node.users.joinRoom(ada, 'chat:1');
  await server.node.publish(roomChannel('chat:1'), '"after"');
  for (const client of [first, second]) {
    await client.publication('after');
    expect(client.pushed).toEqual(['after']);
    expect(client.lines.filter(({ push }) => push?.subscribe)).toEqual([
      {
        push: {
          channel: 'chat:1',
          subscribe: { recoverable: true, positioned: true, epoch: expect.any(String), offset: 1 },
        },
      },
    ]);
  }
  for (const client of others) expect(client.lines).toHaveLength(1);
});

test('nothing overtakes the word that a room was joined', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 3 }) });
  const client = await connected(server, 'acme/ada');
  for (let n = 0; n < 10; n += 1) {
    const room = `chat:${n}`;
    const joining = server.node.users.joinRoom(ada, room);
    for (let k = 0; k < 5; k += 1) await server.node.publish(roomChannel(room), `"${room} ${k}"`);
    await joining;
    await server.node.publish(roomChannel(room), `"${room} end"`);
    await client.publication(`${room} end`);
    const kinds = client.lines.flatMap(({ push }) =>
      push?.channel === room ? [Object.keys(push)[1]] : [],
    );
    expect(kinds[0]).toBe('subscribe');
    const offset =
      client.lines.find(({ push }) => push?.channel === room)?.push?.subscribe?.offset ?? 0;
    const pushed = client.lines.flatMap(({ push }) =>
      push?.channel === room && push.pub ? [push.pub.offset] : [],
    );
    expect(pushed).toEqual(Array.from({ length: 6 - offset }, (_, i) => offset + i + 1));
  }
});

test('a client that subscribed by itself keeps its subscription, and a second joining says nothing', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.users.joinRoom(ada, 'chat:1');
  await server.node.users.joinRoom(ada, 'chat:2');
  await server.node.users.joinRoom(ada, 'chat:2');
  expect((await client.ask(3, { subscribe: { channel: 'chat:2' } })).error?.code).toBe(105);
  expect(
    client.lines.filter(({ push }) => push?.subscribe).map(({ push }) => push?.channel),
  ).toEqual(['chat:2']);
});

test('a client that gives up a room that it had asked for stays in it where the app has put its user', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  for (const [index, channel] of ['chat:1', 'chat:2'].entries()) {
    await client.ask(2 + index, { subscribe: { channel } });
  }
  await server.node.users.joinRoom(ada, 'chat:1');
  for (const [index, channel] of ['chat:1', 'chat:2'].entries()) {
    await client.ask(4 + index, { unsubscribe: { channel } });
  }
  await client.line(({ push }) => push?.channel === 'chat:1' && push.subscribe !== undefined);
  for (const room of ['chat:2', 'chat:1']) {
    await server.node.publish(roomChannel(room), JSON.stringify(room));
  }
  await client.publication('chat:1');
  expect(client.pushed).toEqual(['chat:1']);
  await server.node.users.leaveRoom(ada, 'chat:1');
  expect(server.node.stats().channels).toBe(2);
});

test('who is taken out of a room is told 2000 and hears no more of it, however he came in', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.users.joinRoom(ada, 'chat:2');
  for (const room of ['chat:1', 'chat:2', 'chat:3']) await server.node.users.leaveRoom(ada, room);
  for (const room of ['chat:1', 'chat:2']) await server.node.publish(roomChannel(room), '"late"');
  await client.ask(3, { unsubscribe: { channel: 'chat:1' } });
  expect(client.pushed).toEqual([]);
  const ended = client.lines.flatMap(({ push }) => (push?.unsubscribe ? [push] : []));
  expect(ended).toEqual(
    ['chat:1', 'chat:2'].map((channel) => ({
      channel,
      unsubscribe: { code: 2000, reason: 'server unsubscribe' },
    })),
  );
});

test('who is taken out of a room while entering it is not let in', async () => {
  const server = await serve({
    rooms,
    broker: new SlowBroker({ maxDelayMs: 30, random: () => 1 }),
  });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'chat:1' } });
  while (server.node.stats().channels < 3) await new Promise((resolve) => setImmediate(resolve));
  await server.node.users.leaveRoom(ada, 'chat:1');
  expect((await client.reply(2)).error?.code).toBe(103);
  expect(server.node.stats().channels).toBe(2);
});

test('a room that is joined during the connect comes after its reply', async () => {
  const release = Promise.withResolvers<void>();
  const server = await serve({
    rooms,
    roomsOf: async () => {
      await release.promise;
      return [];
    },
  });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  while (server.node.connections.of(acme, 'ada').length === 0) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const joining = server.node.users.joinRoom(ada, 'chat:1');
  await server.node.users.message(ada, '"too early"');
  release.resolve();
  await joining;
  await client.line(({ push }) => push?.subscribe !== undefined);
  expect(client.lines.map((line) => Object.keys(line.push ?? line)[1])).toEqual([
    'connect',
    'subscribe',
  ]);
});

test('a message comes to the connections of one user, on no channel', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  const other = await connected(server, 'globex/ada');
  await server.node.users.message(ada, '{"notice":"hello"}');
  const line = await client.line(({ push }) => push !== undefined);
  expect(line).toEqual({ push: { message: { data: { notice: 'hello' } } } });
  expect(other.lines).toHaveLength(1);
});

test('a user who is disconnected is told to stay away, the namesake next door stays', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  const other = await connected(server, 'globex/ada');
  await server.node.users.disconnect(ada);
  expect(await client.closed()).toBe(3503);
  await server.node.users.message({ realm: globex, userId: 'ada' }, '"still here"');
  await other.line(({ push }) => push?.message?.data === 'still here');
});

test('what is no room, no JSON line or nobody is refused', async () => {
  const server = await serve();
  const { users } = server.node;
  await expect(users.joinRoom(ada, 'tenant:globex:admins')).rejects.toThrow(TypeError);
  await expect(users.leaveRoom(ada, '@all')).rejects.toThrow(TypeError);
  await expect(users.joinRoom({ realm: acme, userId: '' }, 'chat:1')).rejects.toThrow(/anonymous/);
  await expect(users.message(ada, '1\n2')).rejects.toThrow(TypeError);
});

test('a connection with as many subscriptions as it may have cannot be put into one more room', async () => {
  const server = await serve({ rooms, limits: { maxSubscriptions: 3 } });
  await connected(server, 'acme/ada');
  await server.node.users.joinRoom(ada, 'chat:1');
  await expect(server.node.users.joinRoom(ada, 'chat:2')).rejects.toMatchObject({
    name: 'LimitExceededError',
    limit: 'maxSubscriptions',
  });
  expect(server.node.stats().limits.maxSubscriptions).toBe(1);
});

test('who is taken out of a room while he is being let in does not come in behind it', async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<boolean>();
  const authorize = async () => {
    asked.resolve();
    return await answer.promise;
  };
  const server = await serve({ rooms: { 'chat:*': { authorize } } });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'chat:1' } });
  await asked.promise;
  const leaving = server.node.users.leaveRoom(ada, 'chat:1');
  answer.resolve(true); // decided before it was known
  await leaving;
  await server.node.publish(roomChannel('chat:1'), '"secret"');
  await client.line(({ push }) => push?.unsubscribe?.code === 2000);
  expect(client.pushed).toEqual([]);
  expect(server.node.stats().channels).toBe(2);
});

test('a room that is left and joined at once is joined', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 3 }) });
  const client = await connected(server, 'acme/ada');
  await server.node.users.joinRoom(ada, 'chat:1');
  const leaving = server.node.users.leaveRoom(ada, 'chat:1');
  await Promise.all([leaving, server.node.users.joinRoom(ada, 'chat:1')]);
  await server.node.publish(roomChannel('chat:1'), '"here"');
  await client.publication('here');
  expect(client.pushed).toEqual(['here']);
});

test('an end that is no moment is refused', async () => {
  const server = await serve();
  await expect(server.node.users.extend(ada, Number.NaN)).rejects.toThrow(
    /milliseconds since 1970/,
  );
});
