import { expect, test } from 'vitest';
import { acme, connected, RawClient, roomChannel, serve, userChannel } from './harness.ts';

const rooms = { 'chat:*': { authorize: () => true } };

test('the connect reply names client, version, principal and pings, and what is theirs already', async () => {
  const server = await serve({ roomsOf: () => ['chat:7'] });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: { token: 'acme/ada/admins', name: 'js', flag: 0, extra: true } });
  const { connect } = await client.reply(1);
  const subscribed = {
    recoverable: true,
    positioned: true,
    epoch: expect.stringMatching(/^[A-Za-z]{8}$/),
  };
  expect(connect).toEqual({
    client: expect.stringMatching(/^[0-9a-f-]{36}$/),
    version: expect.stringMatching(/./),
    data: { userId: 'ada', realm: { kind: 'tenant', tenantId: 'acme' } },
    subs: {
      '@user': subscribed,
      '@all': subscribed,
      '@role:admins': subscribed,
      'chat:7': subscribed,
    },
    ping: 25,
    pong: true,
  });
});

test('a subscribe in the frame of the connect is answered after it', async () => {
  const server = await serve({ rooms });
  const client = await new RawClient(server.url).open();
  client.send(
    { id: 1, connect: { token: 'acme/ada' } },
    { id: 2, subscribe: { channel: 'chat:1', flag: 1 } },
  );
  await client.reply(2);
  expect(client.lines.map(({ id }) => id)).toEqual([1, 2]);
  expect(await client.reply(2)).toEqual({
    id: 2,
    subscribe: { recoverable: true, positioned: true, epoch: expect.any(String) },
  });
});

test('ids go on after a reconnect', async () => {
  const server = await serve({ rooms });
  const client = await new RawClient(server.url).open();
  client.send(
    '{"connect":{"token":"acme/ada"},"id":8}\n{"subscribe":{"channel":"chat:1"},"id":4294967295}\n',
  );
  expect(await client.reply(8)).toHaveProperty('connect');
  expect(await client.reply(4_294_967_295)).toHaveProperty('subscribe');
});

test('nothing of what the app keeps beside a realm reaches the client', async () => {
  const realm = { ...acme, database: 'postgres://secret' };
  const server = await serve({
    authenticate: () => ({ userId: 'ada', realm, roles: [], claims: 'x' }),
  });
  const { data } = await (await new RawClient(server.url).open()).connect('any');
  expect(data).toEqual({ userId: 'ada', realm: { kind: 'tenant', tenantId: 'acme' } });
});

const malformed: [string, string][] = [
  ['garbage', 'hello'],
  ['an empty frame', ''],
  ['an empty line', '{}\n\n{}'],
  ['two trailing newlines', '{"id":9,"unsubscribe":{"channel":"a"}}\n\n'],
  ['an array', '[{"id":9,"unsubscribe":{"channel":"a"}}]'],
  ['a number', '1'],
  ['null', 'null'],
  ['id 0', '{"id":0,"unsubscribe":{"channel":"a"}}'],
  ['a fractional id', '{"id":1.5,"unsubscribe":{"channel":"a"}}'],
  ['a negative id', '{"id":-1,"unsubscribe":{"channel":"a"}}'],
  ['an id of 2^32', '{"id":4294967296,"unsubscribe":{"channel":"a"}}'],
  ['an id in quotes', '{"id":"9","unsubscribe":{"channel":"a"}}'],
  ['no id', '{"unsubscribe":{"channel":"a"}}'],
  ['no method', '{"id":9}'],
  ['an unknown method', '{"id":9,"shout":{}}'],
  ['a method that is null', '{"id":9,"subscribe":null}'],
  ['a method that is no object', '{"id":9,"subscribe":"chat:1"}'],
  ['a subscribe to no channel', '{"id":9,"subscribe":{}}'],
  ['a subscribe to an empty channel', '{"id":9,"subscribe":{"channel":""}}'],
  ['a channel that is a number', '{"id":9,"subscribe":{"channel":7}}'],
  ['an unsubscribe of an empty channel', '{"id":9,"unsubscribe":{"channel":""}}'],
  ['a publish to an empty channel', '{"id":9,"publish":{"channel":"","data":1}}'],
  ['a negative offset', '{"id":9,"subscribe":{"channel":"chat:1","recover":true,"offset":-1}}'],
  ['an offset beyond 2^53', '{"id":9,"subscribe":{"channel":"chat:1","offset":9007199254740993}}'],
  ['an epoch that is a number', '{"id":9,"subscribe":{"channel":"chat:1","epoch":1}}'],
  ['a recover that is a word', '{"id":9,"subscribe":{"channel":"chat:1","recover":"yes"}}'],
  ['a recoverable that is a word', '{"id":9,"subscribe":{"channel":"chat:1","recoverable":"yes"}}'],
  ['a token that is a number', '{"id":9,"subscribe":{"channel":"chat:1","token":1}}'],
  ['a flag that is a word', '{"id":9,"subscribe":{"channel":"chat:1","flag":"2"}}'],
  ['an unknown delta', '{"id":9,"subscribe":{"channel":"chat:1","delta":"vcdiff"}}'],
  ['a pong that answers no ping', '{}'],
  ['a second connect', '{"id":9,"connect":{"token":"acme/ada"}}'],
];

test.each(malformed)('%s ends a connection with 3501', async (_name, frame) => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  client.send(frame);
  expect(await client.closed()).toBe(3501);
});

test.each([
  ['a subscribe', '{"id":1,"subscribe":{"channel":"chat:1"}}'],
  ['an unsubscribe', '{"id":1,"unsubscribe":{"channel":"chat:1"}}'],
  ['a publish', '{"id":1,"publish":{"channel":"chat:1","data":1}}'],
  ['a send', '{"send":{"data":1}}'],
  ['a pong', '{}'],
  ['a connect whose subs are a list', '{"id":1,"connect":{"token":"acme/ada","subs":[]}}'],
  [
    'a connect with a position that is none',
    '{"id":1,"connect":{"token":"acme/ada","subs":{"@user":1}}}',
  ],
  ['a connect with a token that is a number', '{"id":1,"connect":{"token":5}}'],
  [
    'a connect with a version that is a number',
    '{"id":1,"connect":{"token":"acme/ada","version":5}}',
  ],
  ['a connect without id', '{"connect":{"token":"acme/ada"}}'],
])('%s before a successful connect ends it with 3501', async (_name, frame) => {
  const server = await serve({ rooms });
  const client = await new RawClient(server.url).open();
  client.send(frame);
  expect(await client.closed()).toBe(3501);
  expect(client.frames).toEqual([]);
});

test.each([
  ['publish', { channel: 'chat:1', data: 1, type: 1 }],
  ['presence', { channel: 'chat:1' }],
  ['presence_stats', { channel: 'chat:1' }],
  ['history', { channel: 'chat:1' }],
  ['rpc', { method: 'm' }],
  ['ping', {}],
  ['subscribe', { channel: 'chat:1', type: 1 }],
])(
  'a command that is not offered, %s, gets 108 and the connection lives',
  async (method, request) => {
    const server = await serve({ rooms });
    const client = await connected(server, 'acme/ada');
    expect(await client.ask(2, { [method]: request })).toEqual({
      id: 2,
      error: { code: 108, message: 'not available' },
    });
    expect(await client.ask(3, { subscribe: { channel: 'chat:1' } })).toHaveProperty('subscribe');
  },
);

test('a subscribe with a filter gets 107: without it everything would come', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  const filtered = { channel: 'chat:1', tf: { key: 'k', cmp: 'eq', val: 'v' } };
  expect((await client.ask(2, { subscribe: filtered })).error?.code).toBe(107);
});

test('a send ends the connection with 3508', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  client.send({ send: { data: 1 } });
  expect(await client.closed()).toBe(3508);
});

test('of several methods in one command the first in the order of the protocol counts', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, unsubscribe: { channel: 'a' }, rpc: {}, subscribe: { channel: 'chat:1' } });
  expect(await client.reply(2)).toHaveProperty('subscribe');
  client.send({ id: 3, connect: null, subscribe: null, unsubscribe: { channel: 'chat:1' } });
  expect(await client.reply(3)).toEqual({ id: 3, unsubscribe: {} });
});

test('names of the prototype are ordinary keys and pollute nothing', async () => {
  const server = await serve({ rooms });
  const client = await new RawClient(server.url).open();
  client.send(
    '{"id":1,"connect":{"token":"acme/ada","subs":{"__proto__":{"recover":true,"offset":1},"constructor":{"recover":true},"@user":{"recover":true,"offset":0}}}}',
    '{"id":2,"subscribe":{"channel":"__proto__"}}',
    '{"id":3,"unsubscribe":{"channel":"constructor"}}',
  );
  const { connect } = await client.reply(1);
  expect(Object.keys(connect?.subs ?? {})).toEqual(['@user', '@all']);
  expect(connect?.subs?.['@user']).toMatchObject({ was_recovering: true });
  expect((await client.reply(2)).error?.code).toBe(103);
  expect(await client.reply(3)).toEqual({ id: 3, unsubscribe: {} });
});

test.each([
  '{"id":2,"subscribe":{"channel":"chat:1","data":{"__proto__":{"polluted":1}}}}',
  '{"id":2,"rpc":{"data":[{"a":{"\\u005f_proto__":1}}]}}',
  '{"id":2,"rpc":{"data":{"constructor":{"prototype":{}}}}}',
  '{"id":2,"publish":{"channel":"chat:1","data":{"prototype":1}}}',
  '{"id":2,"rpc":{"subs":{"a":{"__proto__":1}}}}',
])('a key that would make another object of it ends the connection with 3501: %s', async (line) => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  client.send(line);
  expect(await client.closed()).toBe(3501);
  expect({}).not.toHaveProperty('polluted');
});

test('a room called __proto__ is a room', async () => {
  const server = await serve({ rooms: { '*': { authorize: () => true } } });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: '__proto__' } });
  await server.node.publish(roomChannel('__proto__'), '{"n":1}');
  expect((await client.publication({ n: 1 })).push?.channel).toBe('__proto__');
  const own = await serve({ roomsOf: () => ['__proto__'] });
  const { subs } = await (await new RawClient(own.url).open()).connect('acme/ada');
  expect(Object.keys(subs ?? {})).toContain('__proto__');
});

test('what stands behind a failed connect is discarded', async () => {
  const asked: string[] = [];
  const authorize = (_: unknown, room: string) => asked.push(room) > 0;
  const server = await serve({ rooms: { 'chat:*': { authorize } } });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} }, { id: 2, subscribe: { channel: 'chat:1' } });
  expect(await client.closed()).toBe(3500);
  expect(client.frames).toEqual([]);
  expect(asked).toEqual([]);
});

test('a payload passes through as it was published, to the byte', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  const data = '{"big":12345678901234567890,"float":1.0,"text":"\\u00e4\\n"}';
  await server.node.publish(userChannel('ada'), data);
  await client.line(({ push }) => push?.pub !== undefined);
  expect(client.frames.at(-1)).toBe(
    `{"push":{"channel":"@user","pub":{"data":${data},"offset":1}}}`,
  );
});

test.each(['', '{\n"a":1}'])('refuses to publish %j: it would break the frame', async (data) => {
  const server = await serve();
  await expect(server.node.publish(userChannel('ada'), data)).rejects.toThrow(TypeError);
});

test('too many commands that wait for their turn end the connection with 3013', async () => {
  const never = new Promise<never>(() => {});
  const server = await serve({ authenticate: () => never, limits: { maxPendingCommands: 150 } });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  const commands = Array.from({ length: 151 }, (_, index) => ({ id: index + 2, rpc: {} }));
  client.send(...commands);
  expect(await client.closed()).toBe(3013);
});

test('what waits for its turn is bounded in bytes too', async () => {
  const never = new Promise<never>(() => {});
  const server = await serve({ authenticate: () => never });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  for (let id = 2; id < 8; id += 1) client.send({ id, rpc: { data: 'x'.repeat(60_000) } });
  expect(await client.closed()).toBe(3013);
});

test('a client that sends much, but waits for its answers, is not told that it is too much', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  for (let id = 2; id < 12; id += 1) {
    const { error } = await client.ask(id, { rpc: { data: 'x'.repeat(60_000) } });
    expect(error?.code).toBe(108);
  }
});
