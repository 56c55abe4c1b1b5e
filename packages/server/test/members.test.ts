import type { Member } from '@trunkline/contract';
import { MemoryBroker, Node, type RoomRules } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import {
  acme,
  connected,
  eventOf,
  globex,
  RawClient,
  roomChannel,
  serve,
  type TestServer,
} from './harness.ts';
import { stockClients } from './stock-clients.ts';

const rooms: RoomRules = {
  'chat:*': { authorize: () => true, presence: true, joinLeave: true, publish: 'members' },
  'dark:*': { authorize: () => true },
  'members:*': { authorize: ({ userId }) => userId === 'ada', presence: true },
};

const NOON = Date.UTC(2030, 0, 1, 12);

// The clock stands still until a test moves it; timers go on.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  onTestFinished(() => {
    vi.useRealTimers();
  });
});

async function enter(server: TestServer, token: string, room = 'chat:1'): Promise<RawClient> {
  const client = await connected(server, token);
  await client.ask(2, { subscribe: { channel: room } });
  vi.advanceTimersByTime(1_000);
  return client;
}

/** Asks who is in a room. */
async function ask(client: RawClient, id: number, data: unknown = { room: 'chat:1' }) {
  const { rpc, error } = await client.ask(id, { rpc: { method: 'trunkline:presence', data } });
  return error ? error.code : (rpc?.data as { members: Member[]; total: number });
}

test('several connections of one user are one member: since the oldest came, first who came first', async () => {
  const server = await serve({ rooms });
  const ada = await enter(server, 'acme/ada');
  const ben = await enter(server, 'acme/ben');
  const tab = await enter(server, 'acme/ada');
  const both = {
    members: [
      { userId: 'ada', since: NOON, connections: 2 },
      { userId: 'ben', since: NOON + 1_000, connections: 1 },
    ],
    total: 2,
  };
  for (const client of [ada, ben]) expect(await ask(client, 3)).toEqual(both);
  expect(await server.node.members(roomChannel('chat:1'))).toEqual(both);
  await ada.ask(4, { unsubscribe: { channel: 'chat:1' } });
  expect(await ask(tab, 3)).toEqual({
    members: [
      { userId: 'ben', since: NOON + 1_000, connections: 1 },
      { userId: 'ada', since: NOON + 2_000, connections: 1 },
    ],
    total: 2,
  });
});

test("a member's info is what the principal of the newest connection lets others see", async () => {
  const authenticate = ({ token = '' }) => {
    const [userId = '', name] = token.split('/');
    return { userId, realm: acme, roles: [], ...(name ? { info: { name } } : {}) };
  };
  const server = await serve({ rooms, authenticate });
  await enter(server, 'ada/Ada');
  await enter(server, 'ben/Ben');
  await enter(server, 'ada/Ada L.');
  const ben = await enter(server, 'ben');
  expect(await ask(ben, 3)).toMatchObject({
    members: [{ userId: 'ada', info: { name: 'Ada L.' } }, { userId: 'ben' }],
  });
  const { members } = await server.node.members(roomChannel('chat:1'));
  expect(members[1]).not.toHaveProperty('info');
});

test('all who are anonymous together are one member', async () => {
  const server = await serve({
    rooms,
    authenticate: () => ({ userId: '', realm: acme, roles: [] }),
  });
  await enter(server, '');
  const client = await enter(server, '');
  expect(await ask(client, 3)).toEqual({
    members: [{ userId: '', since: NOON, connections: 2 }],
    total: 1,
  });
});

test('who came when is in no other word of the server', async () => {
  const server = await serve({ rooms });
  const ada = await connected(server, 'acme/ada');
  await ada.ask(2, { subscribe: { channel: 'chat:1', join_leave: true } });
  await ada.ask(3, { presence: { channel: 'chat:1' } });
  await ada.ask(4, { publish: { channel: 'chat:1', data: { type: 'x' } } });
  const ben = await enter(server, 'acme/ben');
  await ben.ask(3, { unsubscribe: { channel: 'chat:1' } });
  await ada.line(({ push }) => push?.leave !== undefined);
  expect(ada.frames.join('\n')).toContain('"join"');
  expect(ada.frames.join('\n')).not.toContain('since');
});

test('whom the rule would let in may ask without being there; forbidden and absent are answered alike', async () => {
  const server = await serve({ rooms, rpc: {} });
  const [ada, ben] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  expect(await ask(ada, 2, { room: 'members:1' })).toEqual({ members: [], total: 0 });
  const refused = ['members:1', 'absent:1', '@all', 'tenant:globex:admins', 'platform:admins'];
  for (const [index, room] of refused.entries()) {
    expect(await ask(ben, 2 + index, { room })).toBe(103);
  }
  expect(await ask(ben, 20, { room: 'dark:1' })).toBe(108);
});

test.each([undefined, null, 'chat:1', [], {}, { room: 7 }, { room: '' }, { room: 'no room' }])(
  'what names no room is a bad request: %j',
  async (data) => {
    const server = await serve({ rooms });
    const ada = await connected(server, 'acme/ada');
    expect(await ask(ada, 2, data ?? null)).toBe(107);
  },
);

test("a tenant's members are its own, whatever the room and its users are called", async () => {
  const server = await serve({ rooms });
  await enter(server, 'globex/ben');
  const ada = await enter(server, 'acme/ada');
  expect(await ask(ada, 3)).toMatchObject({ members: [{ userId: 'ada' }], total: 1 });
  const others = await server.node.members(roomChannel('chat:1', globex));
  expect(others).toMatchObject({ members: [{ userId: 'ben' }], total: 1 });
});

test('of very many the first are named, and all are counted; the server itself gets them all', async () => {
  const server = await serve({ rooms, limits: { maxPresenceClients: 2 } });
  for (const name of ['a', 'b', 'c']) await enter(server, `acme/${name}`);
  const again = await enter(server, 'acme/a');
  expect(server.node.stats().limits.maxPresenceClients).toBe(0);
  expect(await ask(again, 3)).toMatchObject({
    members: [{ userId: 'a', connections: 2 }, { userId: 'b' }],
    total: 3,
  });
  expect(server.node.stats().limits.maxPresenceClients).toBe(1);
  expect((await server.node.members(roomChannel('chat:1'))).members).toHaveLength(3);
});

test('a reply has no more bytes than a reply may have, and is paid for by the tenant', async () => {
  const realm = acme;
  const info = { about: 'x'.repeat(1_500) };
  const server = await serve({
    rooms: { '*': { authorize: () => true, presence: true } },
    authenticate: ({ token = '' }) => ({ userId: token, realm, roles: [], info }),
    limits: { maxRecoveryBytes: 4_000, fanOutBytesPerSecond: 1, fanOutBurstBytes: 4_000 },
  });
  for (const name of ['a', 'b']) await enter(server, name);
  const client = await enter(server, 'c');
  const list = await ask(client, 3);
  expect(list).toMatchObject({ members: [{ userId: 'a' }, { userId: 'b' }], total: 3 });
  const codes = [await ask(client, 4), await ask(client, 5)];
  expect(codes).toContain(111);
});

test('behind a subscribe in the same frame it is answered with who has just come', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 4 }) });
  const ada = await connected(server, 'acme/ada');
  ada.send(
    { id: 2, subscribe: { channel: 'chat:1' } },
    { id: 3, rpc: { method: 'trunkline:presence', data: { room: 'chat:1' } } },
  );
  expect((await ada.reply(3)).rpc?.data).toMatchObject({ members: [{ userId: 'ada' }] });
});

/** A broker that says who is present when it is told to. */
class HeldBroker extends MemoryBroker {
  readonly #asked = Promise.withResolvers<void>();
  readonly #go = Promise.withResolvers<void>();
  readonly asked = this.#asked.promise;
  readonly go = this.#go.resolve;

  override async presence(channel: string) {
    this.#asked.resolve();
    await this.#go.promise;
    return await super.presence(channel);
  }
}

test('an answer that is under way when its asker is put out of the room is waited for', async () => {
  const broker = new HeldBroker();
  const server = await serve({ rooms, broker });
  const ada = await enter(server, 'acme/ada');
  ada.send({ id: 3, rpc: { method: 'trunkline:presence', data: { room: 'chat:1' } } });
  await broker.asked;
  let isOut = false;
  const leaving = server.node.users.leaveRoom({ realm: acme, userId: 'ada' }, 'chat:1');
  void leaving.then(() => (isOut = true));
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isOut).toBe(false);
  broker.go();
  await leaving;
  expect(await ada.reply(3)).toHaveProperty('rpc');
});

test('a server-side member is a member', async () => {
  const server = await serve({ rooms, roomsOf: () => ['chat:1'] });
  const ada = await connected(server, 'acme/ada');
  expect(await ask(ada, 2)).toMatchObject({ members: [{ userId: 'ada' }], total: 1 });
});

test('when somebody came stays the same however often he is named again', async () => {
  const broker = new SlowBroker({ maxDelayMs: 1 });
  const named = vi.spyOn(broker, 'addPresence');
  const server = await serve({ rooms, broker, limits: { presenceIntervalMs: 5 } });
  const ada = await enter(server, 'acme/ada');
  while (named.mock.calls.length < 4) await new Promise((resolve) => setImmediate(resolve));
  expect(await ask(ada, 3)).toMatchObject({ members: [{ since: NOON, connections: 1 }] });
});

test.each(stockClients)('centrifuge %s over %s calls it', async (_version, _transport, make) => {
  const server = await serve({ rooms });
  const client = server.client('acme/ada', {}, make);
  const room = client.newSubscription('chat:1');
  room.subscribe();
  client.connect();
  await eventOf(room, 'subscribed');
  const { data } = await client.rpc('trunkline:presence', { room: 'chat:1' });
  expect(data).toEqual({ members: [{ userId: 'ada', since: NOON, connections: 1 }], total: 1 });
});

test("methods with the server's own prefix are not for the app: a node refuses them", () => {
  const make = () =>
    new Node({ authenticate: () => null, rpc: { sum: () => 1, 'trunkline:presence': () => 2 } });
  expect(make).toThrow(TypeError);
  expect(make).toThrow('own, got "trunkline:presence": give yours another name');
});

test.each([
  ['without handlers of the app', {}],
  ['with some', { rpc: { sum: () => 1 } }],
])('other methods with the prefix do not exist: 104, %s', async (_name, options) => {
  const server = await serve({ rooms, ...options });
  const ada = await connected(server, 'acme/ada');
  for (const [index, method] of ['trunkline:', 'trunkline:ping', 'trunkline:toString'].entries()) {
    expect((await ada.ask(2 + index, { rpc: { method } })).error?.code).toBe(104);
  }
});
