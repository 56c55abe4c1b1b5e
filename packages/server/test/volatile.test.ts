import { channelKey } from '@trunkline/contract';
import {
  MemoryBroker,
  Node,
  type RoomRules,
  type SendEventOptions,
  type StreamPosition,
  sealEvent,
  sendEvent,
} from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import type { Subscription } from 'centrifuge';
import { describe, expect, test } from 'vitest';
import {
  acme,
  allChannel,
  connected,
  eventOf,
  fromToken,
  RawClient,
  roomChannel,
  seeded,
  serve,
  type TestServer,
  userChannel,
} from './harness.ts';
import { stockClients } from './stock-clients.ts';

const open = { authorize: () => true } as const;
const rooms: RoomRules = {
  'chat:*': { ...open, publish: 'members', volatile: ['chat:typing'], history: { size: 100 } },
  'raw:*': { ...open, publish: 'members', payload: 'json', volatile: ['chat:typing'] },
  'product:*': { ...open, delta: true },
};
const room = roomChannel('chat:1');
const volatile = { volatile: true } as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Sends an event to `chat:1`, as an app does. */
async function send(server: TestServer, type: string, options?: SendEventOptions) {
  const address = { realm: acme, scope: 'room', room: 'chat:1' } as const;
  const sealed = sealEvent({ type, data: null }, address, server.node.limits);
  return await sendEvent(server.node, room, sealed, options);
}

/** What is kept in `chat:1`. */
async function kept({ node }: TestServer): Promise<string[]> {
  const { publications } = await node.history(channelKey(room), 0);
  return publications.map(({ data }) => data);
}

/** Publications of one client, in the order of their coming. */
const pubsOf = ({ lines }: RawClient) => lines.flatMap(({ push }) => (push?.pub ? [push.pub] : []));

test('a volatile publication has no offset, is not kept, and the next one follows as if it had not been', async () => {
  const server = await serve({ rooms });
  const ada = await connected(server, 'acme/ada');
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  for (const channel of [room, userChannel('ada')]) {
    expect(await server.node.publish(channel, '1')).toMatchObject({ offset: 1 });
    expect(await server.node.publish(channel, '2', volatile)).toEqual({ epoch: '', offset: 0 });
    expect(await server.node.publish(channel, '3')).toMatchObject({ offset: 2 });
  }
  await ada.line(() => ada.pushed.length === 6);
  const each = [{ data: 1, offset: 1 }, { data: 2 }, { data: 3, offset: 2 }];
  expect(pubsOf(ada)).toEqual([...each, ...each]);
  expect(await kept(server)).toEqual(['1', '3']);
  expect(server.node.stats().counts.insufficientStates).toBe(0);
});

test('a send says so itself, or the rule of the room says it of the type', async () => {
  const server = await serve({ rooms });
  const isKept = { status: 'accepted', epoch: expect.stringMatching(/./) };
  const isNot = { status: 'accepted', epoch: '', offset: 0 };
  expect(await send(server, 'chat:message')).toMatchObject({ ...isKept, offset: 1 });
  expect(await send(server, 'chat:message', volatile)).toMatchObject(isNot);
  expect(await send(server, 'chat:typing')).toMatchObject(isNot);
  expect(await send(server, 'chat:typing', { volatile: false })).toMatchObject(isNot);
  expect(await send(server, 'chat:typing:end')).toMatchObject({ ...isKept, offset: 2 });
  expect(await kept(server)).toHaveLength(2);
});

test('a rule speaks of rooms alone: elsewhere its types are kept', async () => {
  const server = await serve({ rooms: { '*': { volatile: ['chat:typing'] } } });
  const address = { realm: acme, scope: 'tenant' } as const;
  const sealed = sealEvent({ type: 'chat:typing' }, address, server.node.limits);
  expect(await sendEvent(server.node, allChannel(), sealed)).toMatchObject({ offset: 1 });
});

test('what a client publishes is volatile where the rule says so, and JSON that is no event never is', async () => {
  const server = await serve({ rooms });
  const [ada, ben] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  const typing = { type: 'chat:typing', data: true };
  for (const [index, channel] of ['chat:1', 'raw:1'].entries()) {
    for (const client of [ada, ben]) await client.ask(2 + index, { subscribe: { channel } });
  }
  expect(await ada.ask(4, { publish: { channel: 'chat:1', data: typing } })).toEqual({
    id: 4,
    publish: {},
  });
  await ada.ask(5, { publish: { channel: 'chat:1', data: { ...typing, type: 'chat:message' } } });
  await ada.ask(6, { publish: { channel: 'raw:1', data: typing } });
  await ben.line(() => ben.pushed.length === 3);
  expect(pubsOf(ben).map(({ data, offset }) => [(data as typeof typing).type, offset])).toEqual([
    ['chat:typing', undefined],
    ['chat:message', 1],
    ['chat:typing', 1],
  ]);
  expect(pubsOf(ben)[0]?.info?.user).toBe('ada');
  expect(await kept(server)).toHaveLength(1);
});

test('a repeat under the same idempotency key is not delivered again', async () => {
  const server = await serve({ rooms });
  const ada = await connected(server, 'acme/ada');
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  const once = { idempotencyKey: 'k', volatile: true };
  const [first, second] = [await send(server, 'a', once), await send(server, 'a', once)];
  expect([first, second]).toMatchObject([{ offset: 0 }, { status: 'accepted', offset: 0 }]);
  await send(server, 'end');
  await ada.line(() => ada.pushed.length === 2);
  expect(ada.pushed).toMatchObject([{ type: 'a', id: first.id }, { type: 'end' }]);
});

test.each<[string, unknown, string]>([
  ['a text', 'chat:typing', 'got string'],
  ['true', true, 'got boolean'],
  ['a wildcard', ['chat:*'], 'no wildcards), got "chat:*"'],
  ['a number among them', ['chat:typing', 7], 'got 7'],
])('a rule whose volatile is %s is refused', (_name, types, words) => {
  const rule = { volatile: types } as never;
  const make = () => new Node({ authenticate: fromToken, rooms: { 'chat:*': rule } });
  expect(make).toThrow(TypeError);
  expect(make).toThrow("The volatile of rooms 'chat:*' must be an array of event types");
  expect(make).toThrow(words);
});

/** A broker that reads history when it is told to. */
class HeldBroker extends MemoryBroker {
  readonly #asked = Promise.withResolvers<void>();
  readonly #go = Promise.withResolvers<void>();
  readonly asked = this.#asked.promise;
  readonly go = this.#go.resolve;

  override async history(...of: Parameters<MemoryBroker['history']>) {
    if (of[0] !== channelKey(room)) return await super.history(...of);
    this.#asked.resolve();
    await this.#go.promise;
    return await super.history(...of);
  }
}

test('at a gate it waits for the reply, like any other', async () => {
  const broker = new HeldBroker();
  const server = await serve({ rooms, broker });
  const ada = await connected(server, 'acme/ada');
  ada.send({ id: 2, subscribe: { channel: 'chat:1', recover: true } });
  await broker.asked;
  await server.node.publish(room, '"kept"');
  await server.node.publish(room, '"meanwhile"', volatile);
  await new Promise((resolve) => setImmediate(resolve));
  expect(ada.pushed).toEqual([]);
  broker.go();
  expect((await ada.reply(2)).subscribe?.publications).toEqual([{ data: 'kept', offset: 1 }]);
  await server.node.publish(room, '"live"');
  await ada.publication('live');
  expect(ada.pushed).toEqual(['meanwhile', 'live']);
});

test('at a gate as well, what finds no space is left out, and nobody is closed for it', async () => {
  const broker = new HeldBroker();
  const limits = { maxQueuedBytes: 64 * 1024, maxRecoveryBytes: 32 * 1024 };
  const server = await serve({ rooms, broker, limits });
  const ada = await connected(server, 'acme/ada');
  ada.send({ id: 2, subscribe: { channel: 'chat:1' } });
  await broker.asked;
  const data = JSON.stringify('x'.repeat(9_000));
  for (let n = 0; n < 20; n += 1) await server.node.publish(room, data, volatile);
  broker.go();
  await ada.reply(2);
  await server.node.publish(room, '"live"');
  await ada.publication('live');
  const { volatileDropped } = server.node.stats().counts;
  expect(volatileDropped).toBeGreaterThan(0);
  expect(ada.pushed).toHaveLength(21 - volatileDropped);
});

/** What a client has of the numbers that were published, recovered ones and others, as they came. */
function numbersOf({ lines }: RawClient): number[] {
  const told = lines.flatMap(({ subscribe, push }) =>
    push?.pub ? [push.pub] : (subscribe?.publications ?? []),
  );
  return told.map(({ data }) => data).filter((data) => typeof data === 'number');
}

const isKept = (n: number) => n % 3 === 0;
const ascending = (numbers: number[]) => [...new Set(numbers)].toSorted((a, b) => a - b);

// Around a recovery a volatile one may come behind what was published later: announcements that are on
// their way when history is read.
test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'on a slow broker, seed %i: all come in call order to who is there; who recovers has each kind in order',
  async (seed) => {
    const random = seeded(seed);
    const server = await serve({ rooms, broker: new SlowBroker({ random, maxDelayMs: 4 }) });
    const subscribe = { channel: 'chat:1', recover: true, offset: 0 };
    const readers = [await connected(server, 'acme/ada')];
    await readers[0]?.ask(2, { subscribe });
    for (let n = 0; n < 60; n += 1) {
      void server.node.publish(room, `${n}`, isKept(n) ? {} : volatile);
      if (n % 12 === 0) readers.push(await connected(server, 'acme/ada'));
      if (n % 12 === 6) readers.at(-1)?.send({ id: 2, subscribe });
    }
    await server.node.publish(room, '60');
    for (const reader of readers) {
      await reader.line(() => numbersOf(reader).includes(60));
      const numbers = numbersOf(reader);
      const whole = numbers.filter(isKept);
      const volatiles = numbers.filter((n) => !isKept(n));
      expect(whole).toEqual(Array.from({ length: 21 }, (_, n) => 3 * n));
      expect(volatiles).toEqual(ascending(volatiles));
    }
    const [first] = readers.map(numbersOf);
    expect(first).toEqual(Array.from({ length: 61 }, (_, n) => n));
    expect(server.node.stats().counts.insufficientStates).toBe(0);
  },
);

test('without room in the fan-out it is not delivered, and nobody is sent to recover because of it', async () => {
  const limits = { fanOutBytesPerSecond: 50_000, fanOutBurstBytes: 1_000 };
  const server = await serve({ rooms, limits: { ...limits, maxFanOutBacklogBytes: 5_000 } });
  const ada = await connected(server, 'acme/ada');
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  for (let n = 0; n < 200; n += 1) void server.node.publish(room, `${n}`, volatile);
  const lost = server.node.stats().limits.maxFanOutBacklogBytes;
  expect(lost).toBeGreaterThan(50);
  await server.node.publish(room, '200'); // half of the backlog is left to such as this one
  await ada.publication(200);
  expect(ada.pushed).toHaveLength(201 - lost);
  expect(numbersOf(ada)).toEqual(ascending(numbersOf(ada)));
  expect(server.node.stats().counts.insufficientStates).toBe(0);
});

test('where a kept one has found no room, one behind it that is lost as well does not hide that', async () => {
  const { node } = await serve({ rooms, limits: { fanOutSlice: 1, maxFanOutBacklogBytes: 1 } });
  const missed: number[] = [];
  const subscriber = (id: string) => ({
    id,
    principal: { userId: 'ada', realm: acme, roles: [] },
    deliver: () => {},
    lose: ({ offset }: StreamPosition) => void missed.push(offset),
    deliverPresenceChange: () => {},
    close: () => {},
  });
  for (const id of ['1', '2', '3']) await node.subscribe(channelKey(room), subscriber(id));
  void node.publish(room, '1'); // finds room, and takes it
  void node.publish(room, '2');
  void node.publish(room, '3', volatile);
  while (missed.length < 3) await turn();
  expect(missed).toEqual([2, 2, 2]);
});

describe.each(stockClients)('centrifuge %s over %s', (_version, _transport, make) => {
  async function reading(channel: string, options: object = {}) {
    const server = await serve({ rooms, limits: { subscribesPerSecond: 1_000 } });
    const client = server.client('acme/ada', {}, make);
    const subscription = client.newSubscription(channel, options);
    const received: unknown[] = [];
    subscription.on('publication', ({ data }) => received.push(data));
    const user: unknown[] = [];
    client.on('publication', ({ data }) => user.push(data));
    subscription.subscribe();
    client.connect();
    await subscription.ready();
    return { server, subscription, received, user };
  }

  test('what is kept is recovered as if there had been no others in between, which never come again', async () => {
    const { server, subscription, received, user } = await reading('chat:1');
    for (const channel of [room, userChannel('ada')]) {
      await server.node.publish(channel, '1');
      await server.node.publish(channel, '"v1"', volatile);
    }
    while (received.length < 2 || user.length < 2) await turn();
    for (let cut = 0; cut < 3; cut += 1) {
      const back = comeBack(server, subscription);
      for (const channel of [room, userChannel('ada')]) {
        await server.node.publish(channel, '"missed"', volatile);
        await server.node.publish(channel, `"kept ${cut}"`);
      }
      await back;
    }
    for (const channel of [room, userChannel('ada')]) {
      await server.node.publish(channel, '"v2"', volatile);
      await server.node.publish(channel, '"end"');
    }
    while (received.at(-1) !== 'end' || user.at(-1) !== 'end') await turn();
    const all = [1, 'v1', 'kept 0', 'kept 1', 'kept 2', 'v2', 'end'];
    expect(received).toEqual(all);
    expect(user).toEqual(all);
    expect(server.node.stats().counts).toMatchObject({ insufficientStates: 0, unrecovered: 0 });
  });

  test('with deltas both kinds are exact, however they are mixed and cut', async () => {
    const { server, subscription, received } = await reading('product:1', { delta: 'fossil' });
    const product = roomChannel('product:1');
    const random = seeded(3);
    const sent: unknown[] = [];
    for (let n = 0; n < 90; n += 1) {
      const isVolatile = random() < 0.4;
      const data = { n, isVolatile, text: `${'the same as ever, '.repeat(10)}${random()}` };
      sent.push(data);
      await server.node.publish(product, JSON.stringify(data), { volatile: isVolatile });
      if (n % 30 !== 29) continue;
      while (received.length < sent.length) await turn();
      await comeBack(server, subscription);
    }
    expect(received).toEqual(sent);
    expect(subscription.deltaStats().numDeltaPayloads).toBeGreaterThan(0);
  });
});

/** Cuts it off, and resolves when it has recovered. */
async function comeBack(server: TestServer, subscription: Subscription): Promise<void> {
  const back = eventOf<{ recovered: boolean }>(subscription, 'subscribed');
  server.cutAll();
  expect((await back).recovered).toBe(true);
}
