import { MemoryBroker, type RoomRules } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { expect, test } from 'vitest';
import { connected, RawClient, roomChannel, serve, type TestServer } from './harness.ts';

const rooms: RoomRules = {
  'chat:*': { authorize: () => true, presence: true, joinLeave: true, history: false },
  'dark:*': { authorize: () => true },
  'members:*': { authorize: ({ userId }) => userId === 'ada', presence: true },
};

const idOf = (client: RawClient) => client.lines.find(({ connect }) => connect)?.connect?.client;

async function enter(server: TestServer, token: string, joinLeave = false): Promise<RawClient> {
  const client = await connected(server, token);
  await client.ask(2, { subscribe: { channel: 'chat:1', join_leave: joinLeave } });
  return client;
}

async function stats(client: RawClient, id: number) {
  return (await client.ask(id, { presence_stats: { channel: 'chat:1' } })).presence_stats;
}

test('presence says who is here, the stats how many, and both forget who has gone', async () => {
  const server = await serve({ rooms });
  const ada = await enter(server, 'acme/ada');
  const tab = await enter(server, 'acme/ada');
  const ben = await enter(server, 'acme/ben');
  const { presence } = await ada.ask(3, { presence: { channel: 'chat:1' } });
  const info = (client: RawClient, user: string) => ({ user, client: idOf(client) });
  expect(presence).toEqual({
    presence: {
      [idOf(ada) ?? '']: info(ada, 'ada'),
      [idOf(tab) ?? '']: info(tab, 'ada'),
      [idOf(ben) ?? '']: info(ben, 'ben'),
    },
  });
  expect(await stats(ada, 4)).toEqual({ num_clients: 3, num_users: 2 });
  await ben.ask(3, { unsubscribe: { channel: 'chat:1' } });
  expect(await stats(ada, 5)).toEqual({ num_clients: 2, num_users: 1 });
  tab.socket.close();
  await tab.closed();
  while (server.node.stats().connections > 2) await new Promise((resolve) => setImmediate(resolve));
  expect(await stats(ada, 6)).toEqual({ num_clients: 1, num_users: 1 });
});

test('all anonymous clients together are one user', async () => {
  const realm = { kind: 'tenant', tenantId: 'acme' } as const;
  const server = await serve({ rooms, authenticate: () => ({ userId: '', realm, roles: [] }) });
  const first = await enter(server, '');
  await enter(server, '');
  expect(await stats(first, 3)).toEqual({ num_clients: 2, num_users: 1 });
});

test('an empty room answers with an empty object, to whom the rule would let in', async () => {
  const server = await serve({ rooms });
  const ada = await connected(server, 'acme/ada');
  expect(await ada.ask(2, { presence: { channel: 'chat:9' } })).toEqual({
    id: 2,
    presence: { presence: {} },
  });
  expect(await ada.ask(3, { presence_stats: { channel: 'members:1' } })).toEqual({
    id: 3,
    presence_stats: { num_clients: 0, num_users: 0 },
  });
});

test('forbidden and absent rooms are answered alike, one without presence says that it has none', async () => {
  const server = await serve({ rooms });
  const ben = await connected(server, 'acme/ben');
  for (const [index, method] of ['presence', 'presence_stats'].entries()) {
    const code = async (id: number, channel: string) =>
      (await ben.ask(index * 10 + id, { [method]: { channel } })).error?.code;
    expect(await code(2, 'members:1')).toBe(103);
    expect(await code(3, 'absent:1')).toBe(103);
    expect(await code(4, '@all')).toBe(103);
    expect(await code(5, 'tenant:globex:admins')).toBe(103);
    expect(await code(6, 'dark:1')).toBe(108);
    expect(await code(7, 'no room')).toBe(107);
  }
});

test("a tenant's presence is its own, whatever the room is called", async () => {
  const server = await serve({ rooms });
  await enter(server, 'globex/cleo');
  const ada = await enter(server, 'acme/ada');
  expect(await stats(ada, 3)).toEqual({ num_clients: 1, num_users: 1 });
});

test('of very many, presence names so many as the limit says, and the stats count all', async () => {
  const server = await serve({ rooms, limits: { maxPresenceClients: 2 } });
  const clients = await Promise.all(['a', 'b', 'c'].map((name) => enter(server, `acme/${name}`)));
  const [first] = clients as [RawClient];
  const { presence } = await first.ask(3, { presence: { channel: 'chat:1' } });
  expect(Object.keys(presence?.presence ?? {})).toHaveLength(2);
  expect(await stats(first, 4)).toEqual({ num_clients: 3, num_users: 3 });
  expect(server.node.stats().limits.maxPresenceClients).toBe(1);
});

test('who asked hears of comings and goings, of himself after his reply; who did not hears nothing', async () => {
  const server = await serve({ rooms });
  const ada = await enter(server, 'acme/ada', true);
  await ada.line(({ push }) => push?.join !== undefined);
  const kinds = ada.lines.map(({ subscribe, push }) =>
    subscribe ? 'reply' : Object.keys(push ?? {})[1],
  );
  expect(kinds.slice(-2)).toEqual(['reply', 'join']);
  const deaf = await enter(server, 'acme/deaf');
  const ben = await enter(server, 'acme/ben', true);
  ben.socket.terminate();
  const left = await ada.line(({ push }) => push?.leave?.info.user === 'ben');
  expect(left.push).toEqual({
    channel: 'chat:1',
    leave: { info: { user: 'ben', client: idOf(ben) } },
  });
  const joins = ada.lines.flatMap(({ push }) => (push?.join ? [push.join.info.user] : []));
  expect(joins).toEqual(['ada', 'deaf', 'ben']);
  await server.node.publish(roomChannel('chat:1'), '"end"');
  await deaf.publication('end');
  expect(deaf.lines.filter(({ push }) => push?.join ?? push?.leave)).toEqual([]);
});

test('a leave never overtakes its join, however fast somebody comes and goes', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 3 }) });
  const ada = await enter(server, 'acme/ada', true);
  for (let n = 0; n < 10; n += 1) {
    const guest = await connected(server, 'acme/guest');
    guest.send(
      { id: 2, subscribe: { channel: 'chat:1' } },
      { id: 3, unsubscribe: { channel: 'chat:1' } },
    );
    await guest.reply(3);
    guest.socket.close();
  }
  const changes = () =>
    ada.lines.flatMap(({ push }) => {
      const info = push?.join?.info ?? push?.leave?.info;
      return info?.user === 'guest'
        ? [{ kind: push?.join ? 'join' : 'leave', client: info.client }]
        : [];
    });
  await ada.line(() => changes().length === 20);
  for (const { client } of changes()) {
    const kinds = changes().filter((change) => change.client === client);
    expect(kinds.map(({ kind }) => kind)).toEqual(['join', 'leave']);
  }
  while ((await stats(ada, 90))?.num_clients !== 1) ada.frames.pop();
});

test('a client is named again while it is here, and gone when nobody names it any more', async () => {
  const limits = { presenceTtlMs: 120, presenceIntervalMs: 30 };
  const server = await serve({ rooms, limits });
  const ada = await enter(server, 'acme/ada');
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(await stats(ada, 3)).toEqual({ num_clients: 1, num_users: 1 });
  await server.node.presences.stop(); // as if the node had died
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(await stats(ada, 4)).toEqual({ num_clients: 0, num_users: 0 });
});

test('a server-side member is present too, and hears who comes', async () => {
  const server = await serve({ rooms, roomsOf: () => ['chat:1'] });
  const ada = await connected(server, 'acme/ada');
  await connected(server, 'acme/ben');
  await ada.line(({ push }) => push?.join?.info.user === 'ben');
  expect(await stats(ada, 2)).toEqual({ num_clients: 2, num_users: 2 });
});

/** A broker whose subscribe waits until it is told to go on. */
class HeldBroker extends MemoryBroker {
  readonly #asked = Promise.withResolvers<void>();
  readonly #go = Promise.withResolvers<void>();
  held = '';
  readonly asked = this.#asked.promise;
  readonly go = this.#go.resolve;
  override async subscribe(channel: string) {
    if (channel === this.held) {
      this.#asked.resolve();
      await this.#go.promise;
    }
    await super.subscribe(channel);
  }
}

test('who goes while entering is not named as present afterwards', async () => {
  const broker = new HeldBroker();
  const server = await serve({ rooms, broker });
  const ada = await enter(server, 'acme/ada');
  await ada.ask(3, { unsubscribe: { channel: 'chat:1' } });
  broker.held = 't.acme:c:chat:1';
  const ben = await connected(server, 'acme/ben');
  ben.send({ id: 2, subscribe: { channel: 'chat:1' } });
  await broker.asked;
  ben.socket.terminate();
  while (server.node.stats().connections > 1) await new Promise((resolve) => setImmediate(resolve));
  broker.go();
  await new Promise((resolve) => setImmediate(resolve));
  expect(await stats(ada, 4)).toEqual({ num_clients: 0, num_users: 0 });
});

test('who leaves a room and comes back at once is present', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 5 }) });
  const ada = await enter(server, 'acme/ada');
  for (let n = 0; n < 20; n += 1) {
    ada.send({ id: 3 + n * 3, unsubscribe: { channel: 'chat:1' } });
    await ada.ask(4 + n * 3, { subscribe: { channel: 'chat:1' } });
    await new Promise((resolve) => setTimeout(resolve, 12));
    expect(await stats(ada, 5 + n * 3)).toEqual({ num_clients: 1, num_users: 1 });
  }
});

test.each([
  ['no JSON', { id: 10n }],
  ['more than 2 KiB', 'x'.repeat(3_000)],
  ['a function', () => {}],
])('info that is %s is an error of the app, and nobody else notices', async (_name, info) => {
  const realm = { kind: 'tenant', tenantId: 'acme' } as const;
  const server = await serve({
    rooms: { ...rooms, 'bad:*': { authorize: () => ({ info }) } },
    authenticate: ({ token = '' }) => ({
      userId: token,
      realm,
      roles: [],
      ...(token === 'bad' ? { info } : {}),
    }),
  });
  const bad = await new RawClient(server.url).open();
  bad.send({ id: 1, connect: { token: 'bad' } });
  expect(await bad.closed()).toBe(3004);
  const ada = await connected(server, 'ada');
  const { error } = await ada.ask(2, { subscribe: { channel: 'bad:1' } });
  expect(error).toMatchObject({ code: 100, temporary: true });
  const errors = server.log.records.map(({ fields }) => String(fields?.['error']));
  expect(errors).toHaveLength(2);
  for (const text of errors) expect(text).toMatch(/info must|BigInt/);
});
