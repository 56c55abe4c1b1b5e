// Commands of clients on a stream: what a POST is answered, in which order POSTs count, and what hostile
// ones get.
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest } from 'node:http';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { acme, serve, type TestServer, userChannel, watchSessions } from './harness.ts';
import {
  answerTo,
  ask,
  emulate,
  JSON_TYPE,
  RawStream,
  requestsBegun,
  streaming,
} from './raw-stream.ts';

const rooms = { '*': { authorize: () => true, publish: 'members', payload: 'json' } } as const;
/** So slow that nothing comes back during a test. */
const NEVER = 0.001;

const post = async (server: TestServer, body: string | Buffer, headers = {}) =>
  await ask(`${server.httpUrl}/emulation`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body,
  });

/** For what takes a second by design. */
const patient = { timeout: 5_000 };

const connectionsOf = async ({ http }: TestServer) =>
  await promisify((done: (error: Error | null, count: number) => void) =>
    http.getConnections(done),
  )();

/** A POST whose body has not ended. */
function begin(server: TestServer, body: string): ClientRequest {
  const request = httpRequest(`${server.httpUrl}/emulation`, {
    method: 'POST',
    headers: JSON_TYPE,
    agent: false,
  });
  request.on('error', () => {});
  request.write(body);
  return request;
}

test('commands are answered on the stream, the POST itself with 204 and nothing', async () => {
  const server = await serve({ rooms });
  const stream = await streaming(server, 'acme/ada');
  const answer = await stream.post(
    { id: 2, subscribe: { channel: 'chat:1' } },
    { id: 3, publish: { channel: 'chat:1', data: { ä: 1 } } },
  );
  expect(answer).toMatchObject({ status: 204, body: '' });
  expect(answer.headers['content-length']).toBeUndefined();
  expect(await stream.reply(2)).toHaveProperty('subscribe');
  expect(await stream.reply(3)).toHaveProperty('publish');
  await stream.publication({ ä: 1 });
});

test.each<[string, string | Buffer, number]>([
  ['no JSON', '{', 400],
  ['an empty body', '', 400],
  ['null', 'null', 400],
  ['an array', '[]', 400],
  ['a string', '"x"', 400],
  ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 400],
  ['no session', '{"node":"n","data":"{}"}', 400],
  ['no node', '{"session":"s","data":"{}"}', 400],
  ['no data', '{"session":"s","node":"n"}', 400],
  ['a session that is a number', '{"session":1,"node":"n","data":"{}"}', 400],
  ['data that is no string', '{"session":"s","node":"n","data":{}}', 400],
  ['names from the prototype', '{"session":"__proto__","node":"constructor","data":"{}"}', 404],
  ['a session that nobody has', '{"session":"s","node":"n","data":"{}"}', 404],
])('%s is answered %i', async (_name, body, status) => {
  const server = await serve();
  expect((await post(server, body)).status).toBe(status);
  expect(server.node.stats()).toMatchObject({ counts: { connectionsOpened: 0 } });
});

test('neither another node nor another key will do, whatever else is right', async () => {
  const server = await serve();
  const stream = await streaming(server, 'acme/ada');
  const { session = '', node, client } = await stream.connected();
  const command = { id: 2, rpc: {} };
  const tries = [
    { session, node: 'another' },
    { session, node: '' },
    { session: '', node },
    { session: client, node },
    { session: `${session.slice(0, -1)}${session.endsWith('A') ? 'B' : 'A'}`, node },
    { session: session.toLowerCase(), node },
    { session: '__proto__', node },
  ];
  for (const key of tries) expect((await emulate(server, key, command)).status).toBe(404);
  expect(stream.lines).toHaveLength(1);
  expect((await emulate(server, { session, node }, command)).status).toBe(204);
});

test('a thousand guesses find nobody, and cost nobody anything', async () => {
  const server = await serve();
  const stream = await streaming(server, 'acme/ada');
  const { node } = await stream.connected();
  for (let n = 0; n < 1_000; n += 1) {
    const session = Buffer.from(`guess ${n}`).toString('base64url').padEnd(22, 'A');
    expect((await emulate(server, { session, node }, {})).status).toBe(404);
  }
  expect((await stream.post({ id: 2, rpc: {} })).status).toBe(204);
  expect(stream.closeCode).toBeNull();
});

test('the key alone says whose commands they are: cookies and tokens of others change nothing', async () => {
  const server = await serve({
    rpc: { whoami: ({ userId }) => userId },
  });
  const stream = await streaming(server, 'acme/ada');
  const { session, node } = await stream.connected();
  const data = '{"id":2,"rpc":{"method":"whoami"}}';
  const headers = {
    cookie: 'session=eve',
    authorization: 'Bearer acme/eve',
    origin: server.httpUrl,
  };
  expect((await post(server, JSON.stringify({ session, node, data }), headers)).status).toBe(204);
  expect(await stream.reply(2)).toMatchObject({ rpc: { data: 'ada' } });
});

test('what is no command ends the session on its stream; the POST was taken', async () => {
  const server = await serve();
  for (const data of ['garbage', '', '{"id":2}', '{}']) {
    const stream = await streaming(server, 'acme/ada');
    expect((await stream.post(data)).status).toBe(204);
    expect(await stream.closed()).toBe(3501);
    expect((await stream.post(data)).status).toBe(404);
  }
});

test('POSTs count in the order in which they are complete', async () => {
  const server = await serve({ rooms });
  const stream = await streaming(server, 'acme/ada');
  const { session, node } = await stream.connected();
  await stream.post({ id: 2, subscribe: { channel: 'chat:1' } });
  const bodyOf = (n: number) =>
    JSON.stringify({
      session,
      node,
      data: JSON.stringify({ id: 10 + n, publish: { channel: 'chat:1', data: n } }),
    });
  const late = begin(server, bodyOf(0).slice(0, 20)); // asked first, complete last
  for (let n = 1; n <= 5; n += 1) expect((await post(server, bodyOf(n))).status).toBe(204);
  late.end(bodyOf(0).slice(20));
  expect((await answerTo(late)).status).toBe(204);
  await stream.publication(0);
  expect(stream.pushed).toEqual([1, 2, 3, 4, 5, 0]);
});

test('many POSTs at once are all carried out, each once', async () => {
  const server = await serve({ rooms, limits: { commandBurst: 1_000 } });
  const stream = await streaming(server, 'acme/ada');
  await stream.post({ id: 2, subscribe: { channel: 'chat:1' } });
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  const answers = await Promise.all(
    numbers.map((n) => stream.post({ id: 10 + n, publish: { channel: 'chat:1', data: n } })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204]));
  await expect.poll(() => stream.pushed.length).toBe(200);
  expect((stream.pushed as number[]).toSorted((a, b) => a - b)).toEqual(numbers);
});

test('a flood of POSTs runs into the rates of its own session, and nobody else notices', async () => {
  const limits = { commandsPerSecond: NEVER, commandBurst: 50, maxExcessMs: 500 };
  const server = await serve({ limits });
  const eve = await streaming(server, 'acme/eve');
  const ada = await streaming(server, 'acme/ada');
  const statuses: number[] = [];
  for (let id = 2; eve.closeCode === null && id < 5_000; id += 20) {
    const some = Array.from({ length: 20 }, (_, n) => eve.post({ id: id + n, rpc: {} }));
    statuses.push(...(await Promise.all(some)).map(({ status }) => status));
  }
  expect(eve.closeCode).toBe(3013);
  expect(new Set(statuses)).toEqual(new Set([204, 404]));
  expect(server.node.stats().limits.maxExcessMs).toBe(1);
  expect(eve.lines.filter(({ error }) => error?.code === 108)).toHaveLength(50);
  expect((await ada.post({ id: 2, rpc: {} })).status).toBe(204);
  expect(await ada.reply(2)).toMatchObject({ error: { code: 108 } });
});

test('more bytes than inboundBytesPerSecond in POSTs get 3013', async () => {
  const limits = { inboundBytesPerSecond: NEVER, inboundBurstBytes: 100_000 };
  const server = await serve({ limits });
  const stream = await streaming(server, 'acme/eve');
  for (let id = 2; id < 5; id += 1) await stream.post({ id, rpc: { data: 'x'.repeat(40_000) } });
  expect(await stream.closed()).toBe(3013);
});

test('a body over the limit gets 413, announced or not; the session goes on', async () => {
  const server = await serve();
  const stream = await streaming(server, 'acme/ada');
  const large = { id: 2, rpc: { data: 'x'.repeat(65_536) } };
  expect(await stream.post(large)).toMatchObject({ status: 413, headers: { connection: 'close' } });
  const chunked = { 'transfer-encoding': 'chunked' };
  expect((await post(server, 'x'.repeat(65_537), chunked)).status).toBe(413);
  expect((await post(server, 'x'.repeat(65_536), chunked)).status).toBe(400);
  expect(server.node.stats().limits.maxMessageBytes).toBe(2);
  await stream.post({ id: 3, rpc: {} });
  expect(await stream.reply(3)).toHaveProperty('error');
});

test('a body that never ends is cut off soon after it was refused', async () => {
  const server = await serve({ limits: { maxMessageBytes: 1_000 } });
  const request = begin(server, 'x'.repeat(2_000));
  const closed = once(request, 'close');
  const more = setInterval(() => request.write('x'.repeat(1_000)), 10);
  expect((await answerTo(request)).status).toBe(413);
  const refusedAt = performance.now();
  await closed;
  clearInterval(more);
  expect(performance.now() - refusedAt).toBeLessThan(2_000);
});

test('a body in more than 1,024 pieces is no client’s', async () => {
  const server = await serve();
  const request = begin(server, '"');
  const answer = answerTo(request);
  for (let n = 0; n < 1_100 && !request.destroyed; n += 1) request.write('x');
  expect((await answer).status).toBe(413);
});

test('a body that does not come gets 408 in connectDeadlineMs', async () => {
  const server = await serve({ limits: { connectDeadlineMs: 200 } });
  const slow = begin(server, '{"session":');
  const startedAt = performance.now();
  const dripping = setInterval(() => slow.write(' '), 50);
  expect(await answerTo(slow)).toMatchObject({ status: 408, headers: { connection: 'close' } });
  clearInterval(dripping);
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  expect(server.node.stats().limits.connectDeadlineMs).toBe(1);
});

test('so many bodies may be on their way at once; the slowest makes room after a second', async () => {
  const server = await serve({ limits: { maxUnauthenticated: 2 } });
  const begun = requestsBegun(2);
  const [slowest, slow] = [begin(server, '{'), begin(server, '{')];
  await begun;
  const busy = await post(server, '{}');
  expect(busy).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(server.node.stats().limits.maxUnauthenticated).toBe(1);
  const evicted = answerTo(slowest);
  await expect.poll(async () => (await post(server, '{}')).status, patient).toBe(400);
  expect((await evicted).status).toBe(408);
  slow.destroy();
});

test('bodies that are given up in the middle leave nothing', async () => {
  const server = await serve({ limits: { maxUnauthenticated: 20 } });
  for (let round = 0; round < 5; round += 1) {
    const begun = requestsBegun(20);
    const requests = Array.from({ length: 20 }, () => begin(server, '{"session":'));
    await begun;
    for (const request of requests) request.destroy();
    await expect.poll(async () => await connectionsOf(server)).toBe(0);
  }
  expect((await post(server, '{}')).status).toBe(400);
  expect(server.node.stats().limits.maxUnauthenticated).toBe(0);
});

test('a POST after the stream has gone gets 404, however it went', async () => {
  const server = await serve();
  const ends: ((stream: RawStream) => unknown)[] = [
    (stream) => stream.request.destroy(),
    () => server.node.users.disconnect({ realm: acme, userId: 'ada' }),
    (stream) => stream.post('garbage'),
    () => server.cutAll(),
  ];
  for (const end of ends) {
    const stream = await streaming(server, 'acme/ada');
    void end(stream);
    await stream.closed();
    await expect.poll(async () => (await stream.post({ id: 2, rpc: {} })).status).toBe(404);
  }
  expect(server.node.emulated.size).toBe(0);
});

test('POSTs that are on their way when the session ends get 404 and change nothing', async () => {
  const { sessions, createSession } = watchSessions();
  const published: unknown[] = [];
  const server = await serve(
    { rooms, onSend: (_principal, data) => void published.push(data) },
    {
      createSession,
    },
  );
  const stream = await streaming(server, 'acme/ada');
  const { session, node } = await stream.connected();
  const body = JSON.stringify({ session, node, data: '{"send":{"data":1}}' });
  const begun = requestsBegun(10);
  const waiting = Array.from({ length: 10 }, () => begin(server, body.slice(0, -5)));
  await begun;
  await server.node.users.disconnect({ realm: acme, userId: 'ada' });
  expect(await stream.closed()).toBe(3503);
  for (const request of waiting) request.end(body.slice(-5));
  const answers = await Promise.all(waiting.map((request) => answerTo(request)));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 404));
  expect(published).toEqual([]);
  expect(sessions).toHaveLength(1);
});

test('while a node drains, those who are still here go on: their commands are taken', async () => {
  const server = await serve();
  const stream = await streaming(server, 'acme/ada');
  const draining = server.node.drain({ waitMs: 300, spreadMs: 1, deadlineMs: 2_000 });
  expect((await stream.post({ id: 2, rpc: {} })).status).toBe(204);
  expect(await stream.reply(2)).toHaveProperty('error');
  await draining;
  expect((await stream.post({ id: 3, rpc: {} })).status).toBe(404);
});

test('a key opens nothing after a reconnect: each connection has its own', async () => {
  const server = await serve();
  const first = await streaming(server, 'acme/ada');
  const second = await streaming(server, 'acme/ada');
  const keys = [await first.connected(), await second.connected()];
  expect(keys[0]?.session).not.toBe(keys[1]?.session);
  first.request.destroy();
  await first.closed();
  await expect.poll(async () => (await emulate(server, keys[0] ?? {}, {})).status).toBe(404);
  await second.post({ id: 2, rpc: {} });
  expect(await second.reply(2)).toHaveProperty('error');
});

test('one connection may carry many POSTs', async () => {
  const server = await serve({ rooms });
  const stream = await streaming(server, 'acme/ada');
  const { session, node } = await stream.connected();
  const url = `${server.httpUrl}/emulation`;
  for (let id = 2; id < 22; id += 1) {
    const body = JSON.stringify({ session, node, data: JSON.stringify({ id, rpc: {} }) });
    const response = await fetch(url, { method: 'POST', headers: JSON_TYPE, body });
    expect(response.status).toBe(204);
  }
  await stream.reply(21);
  await server.node.publish(userChannel('ada'), '1');
  await stream.publication(1);
});
