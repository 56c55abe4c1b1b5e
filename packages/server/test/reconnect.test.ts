import { expect, test } from 'vitest';
import {
  acme,
  connected,
  eventOf,
  RawClient,
  roomChannel,
  serve,
  watchSessions,
} from './harness.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const rooms = { 'chat:*': { authorize: () => true } };
const names = ['chat:1', 'chat:2', 'chat:3', 'chat:4', 'chat:5'];
const large = JSON.stringify('x'.repeat(40_000));

test('a client that missed much in many rooms gets it all at once, and is not called slow', async () => {
  const { closes, createSession } = watchSessions();
  const server = await serve({ rooms }, { createSession });
  const client = server.client('acme/ada');
  const all = names.map((name) => client.newSubscription(name));
  const got = new Map(names.map((name) => [name, 0]));
  const outcomes: boolean[] = [];
  for (const room of all) {
    room.on('publication', () => got.set(room.channel, (got.get(room.channel) ?? 0) + 1));
    room.subscribe();
  }
  client.connect();
  await Promise.all(all.map((room) => room.ready()));
  client.disconnect();
  await server.node.connections.emptied();
  for (const name of names) {
    for (let n = 0; n < 10; n += 1) await server.node.publish(roomChannel(name), large);
  }
  for (const room of all) {
    room.on('subscribed', ({ recovered }) => outcomes.push(recovered));
  }
  client.connect(); // five times 400 KB, where 1 MiB may wait
  await Promise.all(all.map((room) => room.ready()));
  expect(outcomes).toEqual([true, true, true, true, true]);
  expect([...got.values()]).toEqual([10, 10, 10, 10, 10]);
  expect(closes).toEqual([]);
});

test('what its senders let others see counts to what a reply may carry', async () => {
  const info = 'i'.repeat(2_000);
  const server = await serve({
    authenticate: ({ token = '' }) => ({ userId: token, realm: acme, roles: [], info }),
    rooms: {
      'chat:*': {
        authorize: () => ({ info }),
        publish: 'members',
        payload: 'json',
        presence: true,
        history: { size: 500 },
      },
    },
    limits: { commandsPerSecond: Infinity, commandBurst: Infinity },
  });
  const ada = await connected(server, 'ada');
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  for (let n = 0; n < 400; n += 1)
    await ada.ask(n + 3, { publish: { channel: 'chat:1', data: n } });
  const ben = await connected(server, 'ben');
  const recover = { recover: true, offset: 0, epoch: '' };
  const { subscribe } = await ben.ask(2, { subscribe: { channel: 'chat:1', ...recover } });
  expect(subscribe).toMatchObject({ was_recovering: true });
  expect(subscribe).not.toHaveProperty('recovered'); // 400 times 4 KB: told to refetch
  ben.send(...[3, 4, 5].map((id) => ({ id, history: { channel: 'chat:1', limit: -1 } })));
  for (const id of [3, 4, 5]) {
    const { history, error } = await ben.reply(id);
    expect(history?.publications.length ?? error?.code).toBeGreaterThan(50);
  }
  expect(await ben.ask(6, { presence: { channel: 'chat:1' } })).toHaveProperty('presence');
});

test('who has rooms enough to be refused one after the other is not sent away for it', async () => {
  const { closes, createSession } = watchSessions();
  const own = Array.from({ length: 60 }, (_, n) => `chat:${n}`);
  const server = await serve({ rooms, roomsOf: () => own }, { createSession });
  const client = server.client('acme/ada');
  const ended = own.map((name) => {
    const room = client.newSubscription(name);
    const end = eventOf<{ code: number }>(room, 'unsubscribed');
    room.subscribe();
    return end;
  });
  client.connect();
  const codes = (await Promise.all(ended)).map(({ code }) => code);
  expect(new Set(codes)).toEqual(new Set([105]));
  expect(closes).toEqual([]);
});

test('after a change of network the connections that have died make room for the new ones', async () => {
  const server = await serve({ limits: { maxConnectionsPerUser: 3 } });
  const dead = await Promise.all(['a', 'b', 'c'].map(() => connected(server, 'acme/ada')));
  const client = server.client('acme/ada');
  client.connect();
  await client.ready();
  expect(await Promise.all(dead.map((old) => old.closed()))).toEqual([3012, 3012, 3012]);
  expect(server.node.stats().limits.maxConnectionsPerUser).toBe(0);
});

test('connections that live keep their places: one more gets 3504', async () => {
  const server = await serve({ limits: { maxConnectionsPerUser: 2 } });
  const live = [server.client('acme/ada'), server.client('acme/ada')];
  for (const client of live) {
    client.connect();
    await client.ready();
  }
  const more = await new RawClient(server.url).open();
  more.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await more.closed()).toBe(3504);
  expect(server.node.stats()).toMatchObject({ limits: { maxConnectionsPerUser: 1 } });
  live[0]?.disconnect();
  while (server.node.stats().connections > 1) await turn();
  await connected(server, 'acme/ada');
});

test('a reader that does not read and recovers much costs no more than its own connection', async () => {
  const { closes, createSession } = watchSessions();
  const server = await serve({ rooms, limits: { hookTimeoutMs: 1_000 } }, { createSession });
  for (const name of names) {
    for (let n = 0; n < 13; n += 1) await server.node.publish(roomChannel(name), large);
  }
  const client = await new RawClient(server.url).open();
  const recover = { recover: true, offset: 0, epoch: '' };
  const subscribes = names.map((channel, n) => ({ id: n + 2, subscribe: { channel, ...recover } }));
  client.socket.pause();
  client.send({ id: 1, connect: { token: 'acme/ada' } }, ...subscribes);
  let worst = 0;
  for (let last = performance.now(), end = last + 1_500; last < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
  }
  expect(worst).toBeLessThan(300); // the loop went on turning
  client.socket.resume();
  const replies = await Promise.all(subscribes.map(({ id }) => client.reply(id)));
  for (const { subscribe } of replies) expect(subscribe).toMatchObject({ was_recovering: true });
  expect(closes).toEqual([]);
});

test('asking again and again does not keep a dead connection alive', async () => {
  const limits = { maxConnectionsPerUser: 1, probeTimeoutMs: 300 };
  const server = await serve({ limits });
  const dead = await connected(server, 'acme/ada');
  const begin = performance.now();
  const more = await Promise.all(
    Array.from({ length: 4 }, async (_, n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 80));
      const client = await new RawClient(server.url).open();
      client.send({ id: 1, connect: { token: 'acme/ada' } });
      return client;
    }),
  );
  expect(await dead.closed()).toBe(3012);
  expect(performance.now() - begin).toBeLessThan(1_000);
  expect(more).toHaveLength(4);
});

test('who waits for a place of a user keeps nobody else out, and only so many wait', async () => {
  const limits = { maxConnectionsPerUser: 2, probeTimeoutMs: 1_500, maxUnauthenticated: 3 };
  const server = await serve({ limits });
  await Promise.all(['a', 'b'].map(() => connected(server, 'acme/ada'))); // they answer no ping
  const waiting = [await new RawClient(server.url).open(), await new RawClient(server.url).open()];
  for (const client of waiting) client.send({ id: 1, connect: { token: 'acme/ada' } });
  while (server.node.stats().unauthenticated > 0) await turn();
  const tooMany = await new RawClient(server.url).open();
  tooMany.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await tooMany.closed()).toBe(3504);
  const others = ['x', 'y', 'z'].map((userId) => connected(server, `globex/${userId}`));
  expect(await Promise.all(others)).toHaveLength(3);
  for (const client of waiting) expect(await client.reply(1)).toHaveProperty('connect');
});

test('replies as large as they may be fit into the queue one after the other', async () => {
  const { closes, createSession } = watchSessions();
  const limits = { maxQueuedBytes: 20_000, maxRecoveryBytes: 10_000 };
  const server = await serve({ rooms, limits }, { createSession });
  const data = JSON.stringify('x'.repeat(9_960)); // with what is around it just below the limit
  for (const name of names) await server.node.publish(roomChannel(name), data);
  const client = await new RawClient(server.url).open();
  const recover = { recover: true, offset: 0, epoch: '' };
  const subscribes = names.map((channel, n) => ({ id: n + 2, subscribe: { channel, ...recover } }));
  client.send({ id: 1, connect: { token: 'acme/ada' } }, ...subscribes);
  const replies = await Promise.all(subscribes.map(({ id }) => client.reply(id)));
  expect(replies.map(({ subscribe }) => subscribe?.recovered)).toEqual(names.map(() => true));
  expect(closes).toEqual([]);
});

test('who has missed nothing in a room is not told of a gap because of another', async () => {
  const limits = { hookTimeoutMs: 1_000, maxQueuedBytes: 2_000_000, maxRecoveryBytes: 1_000_000 };
  const server = await serve({
    rooms,
    limits: {
      ...limits,
      maxEventBytes: Infinity,
      history: { size: 9, ttlMs: 60_000, maxBytes: 1e6 },
    },
  });
  const [calm, ...busy] = names as [string, ...string[]];
  const { epoch } = await server.node.publish(roomChannel(calm), '1');
  const much = JSON.stringify('x'.repeat(900_000));
  for (const name of busy) await server.node.publish(roomChannel(name), much);
  const client = await new RawClient(server.url).open();
  const asks = busy.map((channel, n) => ({
    id: n + 3,
    subscribe: { channel, recover: true, offset: 0, epoch: '' },
  }));
  const last = { id: 20, subscribe: { channel: calm, recover: true, offset: 1, epoch } };
  client.socket.pause();
  client.send({ id: 1, connect: { token: 'acme/ada' } }, ...asks, last);
  await new Promise((resolve) => setTimeout(resolve, 900)); // the others' patience is at its end
  client.socket.resume();
  expect((await client.reply(20)).subscribe).toMatchObject({ recovered: true });
});
