import type { NodeOptions, RoomRules } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, globex, RawClient, roomChannel, serve } from './harness.ts';

const open = { authorize: () => true };
const denied = { code: 103, message: 'permission denied' };
const failed = { code: 100, message: 'internal server error', temporary: true };

async function subscribing(rooms: RoomRules, options: Partial<NodeOptions> = {}) {
  const server = await serve({ rooms, ...options });
  const client = await connected(server, 'acme/ada/admins');
  const subscribe = async (id: number, channel: string, request: object = {}) =>
    await client.ask(id, { subscribe: { channel, ...request } });
  return { server, client, subscribe };
}

test.each<[string, RoomRules, string, object]>([
  ['no rule', {}, 'chat:1', denied],
  ['a rule that fits other rooms', { 'chats:*': open }, 'chat:1', denied],
  ['a rule without authorize', { 'chat:*': { history: false } }, 'chat:1', denied],
  ['a first matching rule that says no', { 'chat:1': {}, 'chat:*': open }, 'chat:1', denied],
  ['an authorize that says no', { '*': { authorize: () => false } }, 'chat:1', denied],
  [
    'an authorize that forgets to answer',
    { '*': { authorize: () => undefined as never } },
    'chat:1',
    denied,
  ],
  [
    'an authorize that answers something',
    { '*': { authorize: () => 'yes' as never } },
    'chat:1',
    denied,
  ],
  ['its own user channel', { '*': open }, '@user', denied],
  ["somebody's user channel", { '*': open }, '@user:bob', denied],
  ['a role', { '*': open }, '@role:admins', denied],
  ['a name of the server', { '*': open }, '@anything', denied],
  ['a role of the platform', { '*': open }, 'platform:admins', denied],
  ['a role of its own tenant', { '*': open }, 'tenant:acme:admins', denied],
  ["another tenant's role", { '*': open }, 'tenant:globex:admins', denied],
  ["a broker's key", { 'chat:*': open }, 't.globex:c:chat:1', denied],
  [
    'a name that is too long',
    { '*': open },
    'x'.repeat(129),
    { code: 107, message: 'bad request' },
  ],
  ['a name with a space', { '*': open }, 'chat 1', { code: 107, message: 'bad request' }],
  [
    'a name with a letter that only looks right',
    { '*': open },
    'сhat:1',
    { code: 107, message: 'bad request' },
  ],
  [
    'a name with an encoded colon',
    { '*': open },
    'chat%3A1',
    { code: 107, message: 'bad request' },
  ],
])('%s: refused', async (_name, rooms, channel, error) => {
  const { server, client, subscribe } = await subscribing(rooms);
  const { channels } = server.node.stats();
  expect(await subscribe(2, channel)).toEqual({ id: 2, error });
  expect(server.node.stats().channels).toBe(channels);
  expect(await client.ask(3, { unsubscribe: { channel } })).toEqual({ id: 3, unsubscribe: {} });
});

test('authorize learns who asks for which room, with token and data', async () => {
  const asked: unknown[] = [];
  const authorize = (...question: unknown[]) => asked.push(question) > 0;
  const { subscribe } = await subscribing({ 'chat:*': { authorize } });
  await subscribe(2, 'chat:1', { token: 't', data: { seat: 4 } });
  const principal = {
    userId: 'ada',
    realm: { kind: 'tenant', tenantId: 'acme' },
    roles: ['admins'],
  };
  expect(asked).toEqual([
    [principal, 'chat:1', { clientId: expect.any(String), token: 't', data: { seat: 4 } }],
  ]);
});

test('an authorize that throws gets 100, is logged once, and the connection lives', async () => {
  const authorize = () => {
    throw new Error('database down');
  };
  const { server, subscribe } = await subscribing({ 'chat:*': { authorize }, 'open:*': open });
  expect(await subscribe(2, 'chat:1')).toEqual({ id: 2, error: failed });
  expect(await subscribe(3, 'open:1')).toHaveProperty('subscribe');
  const errors = server.log.records.filter(({ level }) => level === 'error');
  expect(errors).toMatchObject([{ message: 'hook_failed', fields: { hook: 'authorize' } }]);
});

test('an authorize that hangs gets 100 after the hook timeout, and the next command its turn', async () => {
  const authorize = async () => await new Promise<never>(() => {});
  const rooms = { 'chat:*': { authorize }, 'open:*': open };
  const { client, subscribe } = await subscribing(rooms, { limits: { hookTimeoutMs: 30 } });
  client.send(
    { id: 2, subscribe: { channel: 'chat:1' } },
    { id: 3, subscribe: { channel: 'open:1' } },
  );
  expect(await client.reply(3)).toHaveProperty('subscribe');
  expect(await client.reply(2)).toEqual({ id: 2, error: failed });
  expect(await subscribe(4, 'chat:1')).toEqual({ id: 4, error: failed });
});

test('a broker that fails gets 100 and leaves no subscription behind', async () => {
  const { server, client, subscribe } = await subscribing({ 'chat:*': open });
  const history = server.node.history.bind(server.node);
  server.node.history = async () => await Promise.reject(new Error('READONLY'));
  expect(await subscribe(2, 'chat:1')).toEqual({ id: 2, error: failed });
  expect(server.node.stats().channels).toBe(3);
  server.node.history = history;
  expect(await subscribe(3, 'chat:1')).toHaveProperty('subscribe');
  await server.node.publish(roomChannel('chat:1'), '1');
  await client.publication(1);
  expect(client.pushed).toEqual([1]);
});

test('subscribing what is subscribed gets 105 and disturbs nothing', async () => {
  const { server, client, subscribe } = await subscribing(
    { '*': open },
    { roomsOf: () => ['own:1'] },
  );
  client.send(
    { id: 2, subscribe: { channel: 'chat:1' } },
    { id: 3, subscribe: { channel: 'chat:1' } },
  );
  expect(await client.reply(2)).toHaveProperty('subscribe');
  const already = { code: 105, message: 'already subscribed' };
  expect(await client.reply(3)).toEqual({ id: 3, error: already });
  expect(await subscribe(4, 'own:1')).toEqual({ id: 4, error: already });
  await server.node.publish(roomChannel('chat:1'), '1');
  await server.node.publish(roomChannel('own:1'), '2');
  await client.publication(2);
  expect(client.pushed).toEqual([1, 2]);
});

test('one subscription too many gets 106, and there is room again after an unsubscribe', async () => {
  const { client, subscribe } = await subscribing(
    { '*': open },
    { limits: { maxSubscriptions: 4 } },
  );
  expect(await subscribe(2, 'chat:1')).toHaveProperty('subscribe'); // the fourth, with @user, @all and the role
  expect(await subscribe(3, 'chat:2')).toEqual({
    id: 3,
    error: { code: 106, message: 'limit exceeded' },
  });
  expect(await subscribe(4, '@user')).toEqual({ id: 4, error: denied });
  await client.ask(5, { unsubscribe: { channel: 'chat:1' } });
  expect(await subscribe(6, 'chat:2')).toHaveProperty('subscribe');
});

test('more rooms from the start than a connection may have end it with 3505', async () => {
  const rooms = Array.from({ length: 127 }, (_, n) => `r:${n}`);
  const server = await serve({ roomsOf: () => rooms });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada' } });
  expect(await client.closed()).toBe(3505);
});

test('a bad name from roomsOf is skipped and logged', async () => {
  const server = await serve({ roomsOf: () => ['chat:1', 'a b', '@user', 'tenant:x:y', 'chat:1'] });
  const { subs } = await new RawClient(server.url).connect('acme/ada');
  expect(Object.keys(subs ?? {})).toEqual(['@user', '@all', 'chat:1']);
  const skipped = server.log.records.filter(({ message }) => message === 'room_skipped');
  expect(skipped.map(({ fields }) => fields?.['room'])).toEqual(['a b', '@user', 'tenant:x:y']);
});

test('unsubscribe ends the pushes, answers for unknown channels too, and leaves server-side ones', async () => {
  const { server, client, subscribe } = await subscribing(
    { '*': open },
    { roomsOf: () => ['own:1'] },
  );
  await subscribe(2, 'chat:1');
  for (const [id, channel] of [
    [3, 'chat:1'],
    [4, 'nowhere'],
    [5, 'own:1'],
    [6, '@user'],
  ] as const) {
    expect(await client.ask(id, { unsubscribe: { channel } })).toEqual({ id, unsubscribe: {} });
  }
  await server.node.publish(roomChannel('chat:1'), '1');
  await server.node.publish(roomChannel('own:1'), '2');
  await client.publication(2);
  expect(client.pushed).toEqual([2]);
});

test('subscribe, unsubscribe, subscribe in one frame', async () => {
  const { server, client } = await subscribing({ '*': open });
  const [subscribe, unsubscribe] = [{ channel: 'chat:1' }, { channel: 'chat:1' }];
  client.send(
    { id: 2, subscribe },
    { id: 3, unsubscribe },
    { id: 4, subscribe },
    { id: 5, unsubscribe },
    { id: 6, subscribe },
  );
  await client.reply(6);
  expect(client.lines.flatMap(({ id, error }) => (error ? [id] : []))).toEqual([]);
  await server.node.publish(roomChannel('chat:1'), '1');
  await client.publication(1);
  expect(client.pushed).toEqual([1]);
});

test('the same room of two tenants never meets', async () => {
  const server = await serve({ rooms: { '*': open } });
  const ours = await connected(server, 'acme/ada');
  const theirs = await connected(server, 'globex/ada');
  for (const client of [ours, theirs]) await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.publish(roomChannel('chat:1'), '"acme"');
  await server.node.publish(roomChannel('chat:1', globex), '"globex"');
  await Promise.all([ours.publication('acme'), theirs.publication('globex')]);
  await server.node.publish(roomChannel('chat:1'), '"end"');
  await server.node.publish(roomChannel('chat:1', globex), '"end"');
  await Promise.all([ours.publication('end'), theirs.publication('end')]);
  expect(ours.pushed).toEqual(['acme', 'end']);
  expect(theirs.pushed).toEqual(['globex', 'end']);
});

test("a stolen position of a foreign channel opens nothing: it counts inside one's own realm", async () => {
  const server = await serve({ rooms: { 'open:*': open } });
  const secret = await server.node.publish(roomChannel('chat:1', globex), '"secret"');
  await server.node.publish(roomChannel('open:1', globex), '"secret"');
  const position = { recover: true, offset: 0, epoch: secret.epoch };
  const names = ['chat:1', 't.globex:c:chat:1', 'tenant:globex:admins', '@role:admins', 'open:1'];
  const client = new RawClient(server.url);
  const subs = Object.fromEntries(names.map((name) => [name, position]));
  const reply = await client.connect('acme/ada', { subs });
  expect(Object.keys(reply.subs ?? {})).toEqual(['@user', '@all']);
  const { subscribe } = await client.ask(2, {
    subscribe: { channel: 'open:1', recover: true, offset: 0 },
  });
  expect(subscribe).toMatchObject({ was_recovering: true, recovered: true });
  expect(client.frames.join()).not.toContain('secret');
  expect(server.node.stats().counts.isolationViolations).toBe(0);
});

test('a principal that the app changes later does not move the session to another realm', async () => {
  const principal = {
    userId: 'ada',
    realm: { kind: 'tenant', tenantId: 'acme' },
    roles: [] as string[],
  };
  const server = await serve({ authenticate: () => principal as never, rooms: { '*': open } });
  const client = await connected(server, 'any');
  principal.realm.tenantId = 'globex';
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.publish(roomChannel('chat:1', globex), '"foreign"');
  await server.node.publish(roomChannel('chat:1'), '"own"');
  await client.publication('own');
  expect(client.pushed).toEqual(['own']);
});
