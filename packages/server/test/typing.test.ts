import { channelKey } from '@trunkline/contract';
import { Node, type NodeOptions, type RoomRules } from '@trunkline/server';
import { SlowBroker } from '@trunkline/server/testing';
import { expect, test } from 'vitest';
import { acme, connected, fromToken, RawClient, roomChannel, serve } from './harness.ts';
import { stockClients } from './stock-clients.ts';

const rooms: RoomRules = {
  'chat:*': { authorize: () => true, typing: true, history: { size: 10 } },
  'token:*': {
    authorize: (_principal, _room, { token }) => ({ expiresAt: Date.now() + Number(token) }),
    typing: true,
  },
  'quiet:*': { authorize: () => true },
};

/** A room with two people in it. */
async function chatting(options: Partial<NodeOptions> = {}) {
  const server = await serve({ rooms, ...options });
  const [ada, ben] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  for (const client of [ada, ben]) await client.ask(2, { subscribe: { channel: 'chat:1' } });
  return { server, ada, ben };
}

/** Says that one types in a room; answers with the error's code, if there is one. */
async function type(client: RawClient, id: number, data: unknown) {
  const { rpc, error } = await client.ask(id, { rpc: { method: 'trunkline:typing', data } });
  return error ? error.code : rpc?.data;
}

const signals = ({ lines }: RawClient) => lines.flatMap(({ push }) => (push?.pub ? [push] : []));

test('the room is told, in an envelope that names who types, with no place in the history', async () => {
  const { server, ada, ben } = await chatting();
  await server.node.publish(roomChannel('chat:1'), '1');
  expect(await type(ada, 3, { room: 'chat:1', isTyping: true })).toEqual({});
  await server.node.publish(roomChannel('chat:1'), '2');
  await ben.publication(2);
  expect(signals(ben).map(({ pub }) => pub?.offset)).toEqual([1, undefined, 2]);
  const envelope = {
    v: 1,
    id: expect.stringMatching(/^[0-9A-Z]{26}$/),
    ts: expect.any(Number),
    type: 'trunkline:typing',
    scope: 'room',
    tenantId: 'acme',
    room: 'chat:1',
    sender: 'ada',
    data: { userId: 'ada', isTyping: true },
  };
  expect(signals(ben)[1]).toEqual({ channel: 'chat:1', pub: { data: envelope } });
  const { publications } = await server.node.history(channelKey(roomChannel('chat:1')), 0);
  expect(publications.map(({ data }) => data)).toEqual(['1', '2']);
});

test('signals come in the order in which they were said, the end of typing last', async () => {
  const { ada, ben } = await chatting({ broker: new SlowBroker({ maxDelayMs: 4 }) });
  const states = Array.from({ length: 20 }, (_, n) => n % 2 === 0);
  ada.send(
    ...states.map((isTyping, n) => ({
      id: n + 3,
      rpc: { method: 'trunkline:typing', data: { room: 'chat:1', isTyping } },
    })),
  );
  await ben.line(() => ben.pushed.length === 20);
  const told = ben.pushed as { data: { isTyping: boolean } }[];
  expect(told.map(({ data }) => data.isTyping)).toEqual(states);
});

test('what others claim of somebody else is not believed', async () => {
  const { ada, ben } = await chatting();
  await type(ada, 3, { room: 'chat:1', isTyping: true, userId: 'ben', sender: 'ben' });
  await ben.line(() => ben.pushed.length === 1);
  expect(ben.pushed).toMatchObject([{ sender: 'ada', data: { userId: 'ada' } }]);
});

test('who is not in the room gets 103, like for a room that does not exist', async () => {
  const { server, ada, ben } = await chatting();
  const outside = ['chat:2', 'quiet:1', 'absent:1', '@all', 'tenant:acme:admins'];
  for (const [index, room] of outside.entries()) {
    expect(await type(ada, 3 + index, { room, isTyping: true })).toBe(103);
  }
  await server.node.users.leaveRoom({ realm: acme, userId: 'ada' }, 'chat:1');
  expect(await type(ada, 20, { room: 'chat:1', isTyping: true })).toBe(103);
  await server.node.publish(roomChannel('chat:1'), '"end"');
  await ben.publication('end');
  expect(ben.pushed).toEqual(['end']);
});

test('where the rule does not say so nobody types: 108', async () => {
  const { ada } = await chatting();
  await ada.ask(3, { subscribe: { channel: 'quiet:1' } });
  expect(await type(ada, 4, { room: 'quiet:1', isTyping: true })).toBe(108);
});

test('an ended subscription token opens nothing: 109', async () => {
  const { ada } = await chatting({ limits: { commandsPerSecond: Infinity } });
  await ada.ask(3, { subscribe: { channel: 'token:1', token: '30' } });
  const signal = { room: 'token:1', isTyping: true };
  let id = 4;
  let answer = await type(ada, id, signal);
  expect(answer).toEqual({});
  while (typeof answer === 'object') answer = await type(ada, (id += 1), signal);
  expect(answer).toBe(109);
});

test.each([
  null,
  'chat:1',
  [[]],
  {},
  { room: 'chat:1' },
  { isTyping: true },
  { room: 'chat:1', isTyping: 'yes' },
  { room: 7, isTyping: true },
  { room: 'no room', isTyping: true },
])('anything else than a room and a yes or no is a bad request: %j', async (data) => {
  const { ada } = await chatting();
  expect(await type(ada, 3, data)).toBe(107);
});

test('it is limited as every other command is, and by what its tenant may publish', async () => {
  const isTyping = true;
  const slow = await chatting({ limits: { commandsPerSecond: 0.001, commandBurst: 2 } });
  expect(await type(slow.ada, 3, { room: 'chat:1', isTyping })).toEqual({});
  expect(await type(slow.ada, 4, { room: 'chat:1', isTyping })).toEqual({});
  expect(await type(slow.ada, 5, { room: 'chat:1', isTyping })).toBe(111);
  const busy = await chatting({ limits: { publishesPerSecond: 0.001, publishBurst: 1 } });
  expect(await type(busy.ada, 3, { room: 'chat:1', isTyping })).toEqual({});
  expect(await type(busy.ada, 4, { room: 'chat:1', isTyping })).toBe(111);
});

test('behind a subscribe in the same frame it is said', async () => {
  const server = await serve({ rooms, broker: new SlowBroker({ maxDelayMs: 4 }) });
  const ada = await connected(server, 'acme/ada');
  ada.send(
    { id: 2, subscribe: { channel: 'chat:1' } },
    { id: 3, rpc: { method: 'trunkline:typing', data: { room: 'chat:1', isTyping: true } } },
  );
  expect(await ada.reply(3)).toEqual({ id: 3, rpc: { data: {} } });
  await ada.line(() => ada.pushed.length === 1);
});

test("another tenant's room of the same name hears nothing", async () => {
  const { server, ada } = await chatting();
  const cleo = await connected(server, 'globex/cleo');
  await cleo.ask(2, { subscribe: { channel: 'chat:1' } });
  await type(ada, 3, { room: 'chat:1', isTyping: true });
  await server.node.publish(roomChannel('chat:1', { kind: 'tenant', tenantId: 'globex' }), '1');
  await cleo.publication(1);
  expect(cleo.pushed).toEqual([1]);
});

test('a rule whose typing is neither true nor false is refused', () => {
  const make = () =>
    new Node({ authenticate: fromToken, rooms: { 'chat:*': { typing: 'yes' as never } } });
  expect(make).toThrow("The typing of rooms 'chat:*' must be true or false");
});

test.each(stockClients)('centrifuge %s over %s calls it', async (_version, _transport, make) => {
  const server = await serve({ rooms });
  const [ada, ben] = ['acme/ada', 'acme/ben'].map((token) => server.client(token, {}, make));
  const got = Promise.withResolvers<unknown>();
  for (const client of [ada, ben]) {
    const room = client?.newSubscription('chat:1');
    room?.subscribe();
    if (client === ben) room?.on('publication', ({ data }) => got.resolve(data));
    client?.connect();
    await room?.ready();
  }
  const answer = await ada?.rpc('trunkline:typing', { room: 'chat:1', isTyping: false });
  expect(answer).toEqual({ data: {} });
  expect(await got.promise).toMatchObject({ data: { userId: 'ada', isTyping: false } });
});
