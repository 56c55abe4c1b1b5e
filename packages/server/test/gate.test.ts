import type { BrokerListener } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { expect, test } from 'vitest';
import { HeldHistoryBroker, LossyBroker } from './broken-brokers.ts';
import {
  connected,
  eventOf,
  RawClient,
  roomChannel,
  seeded,
  serve,
  userChannel,
  watchSessions,
} from './harness.ts';

const rooms = { 'chat:*': { authorize: () => true } };

test('what is published while history is on its way comes after the reply, once and in order', async () => {
  const broker = new HeldHistoryBroker();
  const server = await serve({ broker, rooms });
  await server.node.publish(userChannel('ada'), '1');
  const client = await new RawClient(server.url).open();
  const subs = { '@user': { recover: true, offset: 0 } };
  client.send({ id: 1, connect: { token: 'acme/ada', subs } });
  await broker.asked;
  for (const data of ['2', '3']) await server.node.publish(userChannel('ada'), data);
  broker.release();
  const { connect } = await client.reply(1);
  await client.publication(3);
  expect(connect?.subs?.['@user']?.publications).toEqual([{ data: 1, offset: 1 }]);
  expect(client.lines.map(({ id, push }) => id ?? push?.pub)).toEqual([
    1,
    { data: 2, offset: 2 },
    { data: 3, offset: 3 },
  ]);
});

test('joins during a burst on a slow broker neither lose nor repeat', async () => {
  const broker = new SlowBroker({ random: seeded(3), maxDelayMs: 6 });
  const server = await serve({ broker, rooms });
  const client = await connected(server, 'acme/ada');
  let n = 0;
  for (let id = 2; id < 60; id += 2) {
    client.send({ id, subscribe: { channel: 'chat:1', recover: true, offset: 0 } });
    while (!client.lines.some((line) => line.id === id)) {
      n += 1;
      await server.node.publish(roomChannel('chat:1'), `${n}`);
    }
    const mark = `end ${id}`;
    await server.node.publish(roomChannel('chat:1'), JSON.stringify(mark));
    await client.publication(mark);
    n += 1;
    const { lines } = client;
    const start = lines.findIndex((line) => line.id === id);
    const { publications = [] } = lines[start]?.subscribe ?? {};
    const pushes = lines.slice(start).flatMap(({ push }) => push?.pub ?? []);
    const offsets = [...publications, ...pushes].map(({ offset }) => offset);
    expect(offsets).toEqual(Array.from({ length: n }, (_, index) => index + 1));
    expect(lines.slice(0, start).at(-1)?.push).toBeUndefined();
    await client.ask(id + 1, { unsubscribe: { channel: 'chat:1' } });
  }
});

test('a gap that cannot be filled on a client-side subscription: one 2500, and it can come back', async () => {
  const broker = new LossyBroker();
  const server = await serve({
    broker,
    rooms: { 'chat:*': { ...rooms['chat:*'], history: { size: 2 } } },
  });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.publish(roomChannel('chat:1'), '1');
  broker.lose = 2;
  for (const data of ['2', '3', '4']) await server.node.publish(roomChannel('chat:1'), data);
  await client.line(({ push }) => push?.unsubscribe?.code === 2500);
  const request = { channel: 'chat:1', recover: true, offset: 1 };
  const { subscribe } = await client.ask(3, { subscribe: request });
  expect(subscribe).toMatchObject({ was_recovering: true, offset: 4 });
  expect(subscribe?.recovered).toBeUndefined();
  expect(client.pushed).toEqual([1]);
  expect(client.lines.flatMap(({ push }) => push?.unsubscribe ?? [])).toEqual([
    { code: 2500, reason: 'insufficient state' },
  ]);
});

test('a gap among what was held behind the gate is said once', async () => {
  const broker = new (class extends HeldHistoryBroker {
    #announced = 0;
    override async start(listener: BrokerListener) {
      await super.start({
        onPublication: (...announced) => {
          this.#announced += 1;
          if (this.#announced !== 2) listener.onPublication(...announced);
        },
      });
    }
  })();
  const server = await serve({ broker, rooms, authenticate: () => nobody });
  const client = new RawClient(server.url);
  const connecting = client.connect('any');
  await broker.asked;
  broker.release();
  await connecting;
  const held = new HeldHistoryBroker();
  server.node.history = async (...question) => await held.history(...question);
  client.send({ id: 2, subscribe: { channel: 'chat:1' } });
  await held.asked;
  for (const data of ['1', '2', '3', '4', '5']) {
    await server.node.publish(roomChannel('chat:1'), data);
  }
  held.release(); // its epoch is another: not one of the five follows
  await client.reply(2);
  await client.ask(3, { unsubscribe: { channel: 'chat:1' } });
  const ends = client.lines.filter(({ push }) => push?.unsubscribe);
  expect(ends).toHaveLength(1);
  expect(client.pushed).toEqual([]);
});

const nobody = {
  userId: '',
  realm: { kind: 'tenant', tenantId: 'acme' } as const,
  roles: [],
};

test('a stock client hears of a gap in its room that cannot be filled, and goes on', async () => {
  const broker = new LossyBroker();
  const server = await serve({
    broker,
    rooms: { 'chat:*': { ...rooms['chat:*'], history: { size: 2 } } },
  });
  const client = server.client('acme/ada');
  const room = client.newSubscription('chat:1', { minResubscribeDelay: 1, maxResubscribeDelay: 5 });
  const received: number[] = [];
  const last = eventOf<{ data: number }>(room, 'publication', ({ data }) => data === 5);
  room.on('publication', ({ data }) => received.push(data));
  room.subscribe();
  client.connect();
  await room.ready();
  const back = eventOf<{ recovered: boolean }>(room, 'subscribed');
  await server.node.publish(roomChannel('chat:1'), '1');
  broker.lose = 2;
  for (const data of ['2', '3', '4']) await server.node.publish(roomChannel('chat:1'), data);
  expect(await back).toMatchObject({ wasRecovering: true, recovered: false });
  await server.node.publish(roomChannel('chat:1'), '5');
  await last;
  expect(received).toEqual([1, 5]);
});

test('a gap on a server-side subscription that cannot be filled: 3010, and a stock client comes back', async () => {
  const broker = new LossyBroker();
  const { closes, createSession } = watchSessions();
  const userHistory = { size: 1, ttlMs: 60_000, maxBytes: 10_000 };
  const server = await serve({ broker, limits: { userHistory } }, { createSession });
  const client = server.client('acme/ada');
  const received: number[] = [];
  const last = eventOf<{ data: number }>(client, 'publication', ({ data }) => data === 4);
  client.on('publication', ({ data }) => received.push(data));
  client.connect();
  await client.ready();
  const away = eventOf<{ code: number }>(client, 'connecting');
  await server.node.publish(userChannel('ada'), '1');
  broker.lose = 1;
  for (const data of ['2', '3']) await server.node.publish(userChannel('ada'), data);
  expect(await away).toMatchObject({ code: 3010, reason: 'insufficient state' });
  await client.ready();
  await server.node.publish(userChannel('ada'), '4');
  await last;
  expect(received).toEqual([1, 4]);
  expect(closes.map(({ code }) => code)).toEqual([3010]);
});

test('a publication that is announced twice is delivered once', async () => {
  const broker = new (class extends LossyBroker {
    override async start(listener: BrokerListener) {
      await super.start({
        onPublication: (...announced) => {
          listener.onPublication(...announced);
          listener.onPublication(...announced);
        },
      });
    }
  })();
  const server = await serve({ broker });
  const client = await connected(server, 'acme/ada');
  for (const data of ['1', '2', '3']) await server.node.publish(userChannel('ada'), data);
  await client.publication(3);
  expect(client.pushed).toEqual([1, 2, 3]);
});

test('too much behind the gates of one session ends it with 3008, however many gates it is', async () => {
  const broker = new HeldHistoryBroker();
  const { closes, createSession } = watchSessions();
  const names = Array.from({ length: 10 }, (_, n) => `r:${n}`);
  const limits = { maxQueuedBytes: 100_000, maxRecoveryBytes: 50_000 };
  const server = await serve({ broker, roomsOf: () => names, limits }, { createSession });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  await broker.asked;
  for (const name of names) {
    await server.node.publish(roomChannel(name), `"${'x'.repeat(15_000)}"`);
  }
  expect(await client.closed()).toBe(3008);
  expect(closes.map(({ code }) => code)).toEqual([3008]);
  expect(server.node.stats()).toMatchObject({ channels: 0 });
  broker.release();
});
