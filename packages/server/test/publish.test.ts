import type { RoomRules } from '@trunkline/server';
import { expect, test } from 'vitest';
import { acme, connected, roomChannel, serve } from './harness.ts';

const rooms: RoomRules = {
  'chat:*': { authorize: () => ({ info: { seat: 4 } }), publish: 'members' },
  'raw:*': { authorize: () => true, publish: 'members', payload: 'json' },
  'quiet:*': { authorize: () => true },
};

async function talking() {
  const server = await serve({
    rooms,
    authenticate: ({ token = '' }) => ({
      userId: token,
      realm: acme,
      roles: [],
      info: { name: token },
    }),
  });
  const ada = await connected(server, 'ada');
  const ben = await connected(server, 'ben');
  return { server, ada, ben };
}

const message = { type: 'chat:message', data: { text: 'hello' } };
const denied = { code: 103, message: 'permission denied' };
const bad = { code: 107, message: 'bad request' };

test('what a member publishes comes to all in an envelope that names its sender', async () => {
  const { ada, ben } = await talking();
  for (const client of [ada, ben]) await client.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(await ada.ask(3, { publish: { channel: 'chat:1', data: message } })).toEqual({
    id: 3,
    publish: {},
  });
  const { push } = await ben.line((line) => line.push?.pub !== undefined);
  expect(push?.channel).toBe('chat:1');
  expect(push?.pub?.offset).toBe(1);
  expect(push?.pub?.data).toEqual({
    v: 1,
    id: expect.stringMatching(/^[0-9A-Z]{26}$/),
    ts: expect.any(Number),
    ...message,
    scope: 'room',
    tenantId: 'acme',
    room: 'chat:1',
    sender: 'ada',
  });
  expect(push?.pub?.info).toEqual({
    user: 'ada',
    client: ada.lines.find(({ connect }) => connect)?.connect?.client,
    conn_info: { name: 'ada' },
    chan_info: { seat: 4 },
  });
  expect(ada.pushed).toEqual(ben.pushed); // the sender hears it too
});

test.each([
  ['an operation', { type: 'operation:complete', data: { operationId: 'a', operationType: 'b' } }],
  ['a refresh', { type: 'trunkline:refresh', data: { tables: ['users'], cause: 'x' } }],
  ['metadata', { ...message, metadata: { tablesToRefresh: ['users'] } }],
  ['metadata that says nothing', { ...message, metadata: null }],
  ['a malformed type', { type: 'Chat Message', data: 1 }],
  ['no type', { data: 1 }],
  ['a list', [message]],
  ['a text', 'hello'],
  ['nothing', null],
])('a member cannot publish %s as an event: 107', async (_name, data) => {
  const { ada } = await talking();
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(await ada.ask(3, { publish: { channel: 'chat:1', data } })).toEqual({ id: 3, error: bad });
  expect(ada.pushed).toEqual([]);
});

test('what a member claims beside type and data is not believed', async () => {
  const { ada } = await talking();
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  const forged = { ...message, id: 'mine', ts: 1, sender: 'ben', tenantId: 'globex', origin: 'x' };
  await ada.ask(3, { publish: { channel: 'chat:1', data: forged } });
  const { push } = await ada.line((line) => line.push?.pub !== undefined);
  expect(push?.pub?.data).toMatchObject({ sender: 'ada', tenantId: 'acme' });
  expect(JSON.stringify(push)).not.toMatch(/mine|globex|"origin"/);
});

test('data keeps the exact text that came, inside the envelope and without one', async () => {
  const { ada, server } = await talking();
  await ada.ask(2, { subscribe: { channel: 'chat:1' } });
  await ada.ask(3, { subscribe: { channel: 'raw:1' } });
  const exact = '{ "big":12345678901234567890, "one":1.0, "e":1e2, "text":"a\\u00e9\\"}]" }';
  ada.send(
    `{"id":4,"publish":{"data":{"data":${exact},"type":"chat:message"},"channel":"chat:1"}}`,
  );
  ada.send(`{"id":5,"publish":{"channel":"raw:1","data":0,"data":${exact}}}`);
  await ada.reply(5);
  const texts = ada.frames.join('\n');
  expect(texts.split(exact)).toHaveLength(3);
  const history = await server.node.history('t.acme:c:raw:1', 0);
  expect(history.publications.map(({ data }) => data)).toEqual([exact]);
});

test('any JSON goes where the rule says so, and null is data', async () => {
  const { ada } = await talking();
  await ada.ask(2, { subscribe: { channel: 'raw:1' } });
  for (const [index, data] of [{ my: 'data' }, null, 0, false, 'x', [1]].entries()) {
    await ada.ask(index + 3, { publish: { channel: 'raw:1', data } });
  }
  expect(ada.pushed).toEqual([{ my: 'data' }, null, 0, false, 'x', [1]]);
  expect((await ada.ask(10, { publish: { channel: 'raw:1' } })).error).toEqual(bad);
});

test('who has not subscribed cannot publish, and nobody where the rule does not say so', async () => {
  const { ada, ben } = await talking();
  await ada.ask(2, { subscribe: { channel: 'quiet:1' } });
  await ben.ask(2, { subscribe: { channel: 'chat:1' } });
  for (const [id, channel] of ['chat:1', 'quiet:1', 'absent:1', '@all', '@user'].entries()) {
    const { error } = await ada.ask(id + 3, { publish: { channel, data: message } });
    expect(error).toEqual(denied);
  }
  expect(ben.pushed).toEqual([]);
});

test("one tenant's publication does not reach a room of the same name next door", async () => {
  const server = await serve({ rooms });
  const ada = await connected(server, 'acme/ada');
  const cleo = await connected(server, 'globex/cleo');
  for (const client of [ada, cleo]) await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await ada.ask(3, { publish: { channel: 'chat:1', data: message } });
  await server.node.publish(roomChannel('chat:1', { kind: 'tenant', tenantId: 'globex' }), '"own"');
  await cleo.publication('own');
  expect(cleo.pushed).toEqual(['own']);
});

test('a carriage return between the tokens of a payload reaches nobody: it would end a server-sent event', async () => {
  const open = { authorize: () => true, publish: 'members', payload: 'json' } as const;
  const server = await serve({ rooms: { '*': open } });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  client.send('{"id":3,"publish":{"channel":"chat:1","data":{"x":\r1,\r"y":"\\r"}}}');
  const { push } = await client.line((line) => line.push?.pub !== undefined);
  expect(push?.pub?.data).toEqual({ x: 1, y: '\r' });
  expect(client.frames.join('')).not.toContain('\r');
  await expect(server.node.publish(roomChannel('chat:1'), '{"x":\r1}')).rejects.toThrow('one line');
});
