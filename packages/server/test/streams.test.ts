import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  allChannel,
  connected,
  serve,
  type TestServer,
  userChannel,
  watchSessions,
} from './harness.ts';
import { answerTo, ask, emulate, JSON_TYPE, RawStream, streaming } from './raw-stream.ts';

const rooms = { 'chat:*': { authorize: () => true } };
const CONNECT = { id: 1, connect: { token: 'acme/ada' } };
const nothing = { connections: 0, unauthenticated: 0, subscriptions: 0, channels: 0 };

/** A TCP connection to a server that speaks its own HTTP. */
function dial(server: TestServer): Socket {
  const { hostname, port } = new URL(server.httpUrl);
  const socket = createConnection(Number(port), hostname);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

const post = (body: string, version = '1.1') =>
  `POST /connection/http_stream HTTP/${version}\r\nHost: x\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** All that a socket says until it is closed. */
async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString()));
  await once(socket, 'close');
  return text;
}

test('http_stream: headers, then each reply on a line of its own', async () => {
  const server = await serve();
  const stream = new RawStream(server, [CONNECT]);
  const { statusCode, headers } = await stream.open();
  expect(statusCode).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'private, no-cache, no-store, no-transform, must-revalidate, max-age=0',
    pragma: 'no-cache',
    expires: '0',
    'x-accel-buffering': 'no',
    'transfer-encoding': 'chunked',
  });
  const { session, node, client } = await stream.connected();
  expect(session).toMatch(/^[\w-]{22}$/);
  expect(node).toBe(server.node.id);
  expect(client).not.toBe(session);
  for (const data of ['1', '"ä\\n"']) void server.node.publish(userChannel('ada'), data);
  await stream.publication('ä\n');
  expect(stream.text.split('\n').slice(1)).toEqual([
    '{"push":{"channel":"@user","pub":{"data":1,"offset":1}}}',
    '{"push":{"channel":"@user","pub":{"data":"ä\\n","offset":2}}}',
    '',
  ]);
});

test('sse: headers, something at once, then each reply as an event of its own', async () => {
  const server = await serve();
  const stream = new RawStream(server, [CONNECT], { transport: 'sse' });
  const { headers } = await stream.open();
  expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
  await stream.connected();
  for (const data of ['1', '2']) void server.node.publish(userChannel('ada'), data);
  await stream.publication(2);
  const [connect = '', ...others] = stream.text.split('\n\n');
  expect(connect).toMatch(/^\r\ndata: {"id":1,"connect":{.*"session":"[\w-]{22}"/);
  expect(others).toEqual([
    'data: {"push":{"channel":"@user","pub":{"data":1,"offset":1}}}',
    'data: {"push":{"channel":"@user","pub":{"data":2,"offset":2}}}',
    '',
  ]);
});

test('a WebSocket has neither session nor node in its connect reply', async () => {
  const server = await serve();
  const [connect] = (await connected(server, 'acme/ada')).lines;
  expect(Object.keys(connect?.connect ?? {}).toSorted()).toEqual(
    ['client', 'data', 'ping', 'pong', 'subs', 'version'].toSorted(),
  );
});

test('commands behind the connect are carried out after it', async () => {
  const server = await serve({ rooms });
  const stream = new RawStream(server, [CONNECT, { id: 2, subscribe: { channel: 'chat:1' } }]);
  expect(await stream.reply(2)).toHaveProperty('subscribe');
});

test('a body may come in pieces, and then in one with the next request', async () => {
  const server = await serve();
  const request = httpRequest(`${server.httpUrl}/connection/http_stream`, {
    method: 'POST',
    headers: JSON_TYPE,
  });
  const text = JSON.stringify({ id: 1, connect: { token: 'acme/ädä' } });
  for (const byte of Buffer.from(text)) {
    request.write(Buffer.from([byte]));
    await turn();
  }
  request.end();
  expect((await answerTo(request)).status).toBe(200);
});

describe.each(['http_stream', 'sse'] as const)('over %s', (transport) => {
  test('the response begins before anybody knows who it is for', async () => {
    const answer = Promise.withResolvers<null>();
    const server = await serve({ authenticate: () => answer.promise });
    const stream = new RawStream(server, [CONNECT], { transport });
    expect((await stream.open()).statusCode).toBe(200);
    expect(stream.lines).toEqual([]);
    answer.resolve(null);
    expect(await stream.closed()).toBe(3500);
    expect(stream.lines).toEqual([
      { push: { disconnect: { code: 3500, reason: 'invalid token' } } },
    ]);
  });

  test('a client that goes is gone, and nothing is left', async () => {
    const { closes, createSession } = watchSessions();
    const server = await serve({ rooms }, { createSession });
    const stream = await streaming(server, 'acme/ada', { transport });
    await stream.post({ id: 2, subscribe: { channel: 'chat:1' } });
    expect(server.node.stats()).toMatchObject({ connections: 1, channels: 3 });
    expect(server.node.emulated.size).toBe(1);
    stream.request.destroy();
    await expect.poll(() => server.node.stats()).toMatchObject(nothing);
    expect(server.node.emulated.size).toBe(0);
    expect(closes).toEqual([]);
    expect(server.node.stats().disconnects).toEqual({});
  });

  test('a drain tells it 3001 and ends it', async () => {
    const server = await serve();
    const stream = await streaming(server, 'acme/ada', { transport });
    await server.node.drain({ waitMs: 0, spreadMs: 1, deadlineMs: 2_000 });
    expect(await stream.closed()).toBe(3001);
    expect(stream.lines.at(-1)).toEqual({
      push: { disconnect: { code: 3001, reason: 'shutdown' } },
    });
    expect(server.node.stats()).toMatchObject(nothing);
  });

  test('the HTTP server closes by itself when the node has stopped', async () => {
    const server = await serve();
    const streams = [
      await streaming(server, 'acme/ada', { transport }),
      await streaming(server, 'acme/bob', { transport }),
    ];
    await server.node.stop();
    const closing = once(server.http, 'close');
    server.http.close();
    await closing;
    expect(await Promise.all(streams.map((stream) => stream.closed()))).toEqual([0, 0]);
  });

  test('pings come on the stream, pongs are posted; without them 3012', async () => {
    const limits = { pingIntervalMs: 200, pongTimeoutMs: 100 };
    const server = await serve({ limits });
    const stream = await streaming(server, 'acme/ada', { transport });
    const pings = () => stream.lines.filter((line) => Object.keys(line).length === 0).length;
    for (let n = 1; n <= 3; n += 1) {
      await expect.poll(pings, { interval: 5 }).toBe(n);
      expect((await stream.post({})).status).toBe(204);
    }
    expect(await stream.closed()).toBe(3012);
  });

  test("Node's timeouts do not end it, whatever the app has set", async () => {
    const http = { requestTimeout: 300, headersTimeout: 200, keepAliveTimeout: 100 };
    const server = await serve({}, { http: { ...http, connectionsCheckingInterval: 50 } });
    server.http.setTimeout(250);
    server.http.maxRequestsPerSocket = 1;
    const stream = await streaming(server, 'acme/ada', { transport });
    await sleep(1_000);
    await server.node.publish(userChannel('ada'), '"still here"');
    await stream.publication('still here');
    expect(stream.closeCode).toBeNull();
  });

  test('a reader that never reads is told 3008 and terminated in about a second', async () => {
    const { closes, createSession } = watchSessions();
    const limits = { maxQueuedBytes: 256 * 1024, maxRecoveryBytes: 128 * 1024 };
    const server = await serve({ limits }, { createSession });
    const slow = await streaming(server, 'acme/ada', { transport });
    const healthy = await streaming(server, 'acme/bob', { transport });
    slow.response?.pause();
    for (let n = 0; closes.length === 0 && n < 1_000; n += 1) {
      await server.node.publish(allChannel(), `{"n":${n},"text":"${'x'.repeat(60_000)}"}`);
      await healthy.line(({ push }) => (push?.pub?.data as { n?: number })?.n === n);
      healthy.frames.length = 1;
    }
    expect(closes.map(({ code }) => code)).toEqual([3008]);
    expect(server.node.emulated.size).toBe(1); // at once: it takes no commands any more
    while (server.node.stats().connections > 1) await turn();
    const lingered = performance.now() - (closes[0]?.at ?? 0);
    expect(lingered).toBeGreaterThan(900);
    expect(lingered).toBeLessThan(2_000);
    await server.node.publish(allChannel(), '"still here"');
    await healthy.publication('still here');
  });

  test('a reader that has stopped reading is found, however much it goes on to say', async () => {
    const { closes, createSession } = watchSessions();
    const limits = { writeStallMs: 300, maxQueuedBytes: 64 * 1024 * 1024 };
    const server = await serve({ limits, onSend: () => {} }, { createSession });
    const stream = await streaming(server, 'acme/ada', { transport });
    stream.response?.pause();
    const talking = setInterval(() => stream.send({ send: { data: 1 } }), 50);
    onTestFinished(() => clearInterval(talking));
    const large = JSON.stringify('x'.repeat(900_000));
    for (let n = 0; n < 18; n += 1) await server.node.publish(userChannel('ada'), large);
    while (server.node.stats().connections > 0) await turn();
    expect(closes.map(({ code }) => code)).toEqual([3008]);
    expect(server.node.stats().limits).toMatchObject({ writeStallMs: 1, maxQueuedBytes: 0 });
  });

  test('a reader that pauses gets all of it, in order and whole', async () => {
    const server = await serve({ limits: { maxQueuedBytes: 64 * 1024 * 1024 } });
    const stream = await streaming(server, 'acme/ada', { transport });
    stream.response?.pause();
    const text = 'ä'.repeat(50_000);
    for (let n = 0; n < 60; n += 1) {
      void server.node.publish(userChannel('ada'), JSON.stringify({ n, text }));
      await turn();
    }
    stream.response?.resume();
    await stream.line(({ push }) => (push?.pub?.data as { n?: number })?.n === 59);
    const numbers = stream.pushed.map((data) => (data as { n: number }).n);
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, n) => n));
    expect(stream.pushed.every((data) => (data as { text: string }).text === text)).toBe(true);
  });
});

test.each<[string, string | Buffer]>([
  ['no JSON', 'hello'],
  ['an empty body', ''],
  ['another command', '{"id":1,"rpc":{}}'],
  ['no UTF-8', Buffer.from([0x7b, 0xff])],
])('a first frame that is %s: the stream starts, says 3501 and ends', async (_name, body) => {
  const server = await serve();
  for (const path of ['/connection/http_stream', '/connection/sse']) {
    const request = httpRequest(server.httpUrl + path, { method: 'POST', headers: JSON_TYPE });
    request.end(body);
    const [response] = await once(request, 'response');
    expect(response.statusCode).toBe(200);
    let text = '';
    for await (const chunk of response) text += chunk;
    const push = '{"push":{"disconnect":{"code":3501,"reason":"bad request"}}}';
    expect(text).toBe(path.endsWith('sse') ? `\r\ndata: ${push}\n\n` : `${push}\n`);
  }
  expect(server.node.stats()).toMatchObject({ ...nothing, disconnects: { 3501: 2 } });
});

test('a first frame over the limit gets 413, announced or not, and leaves nothing', async () => {
  const server = await serve({ limits: { maxMessageBytes: 1_000 } });
  const url = `${server.httpUrl}/connection/http_stream`;
  const body = JSON.stringify({ id: 1, connect: { token: 'acme/ada', data: 'x'.repeat(1_000) } });
  const announced = await ask(url, { method: 'POST', headers: JSON_TYPE, body });
  expect(announced).toMatchObject({ status: 413, headers: { connection: 'close' } });
  const headers = { ...JSON_TYPE, 'transfer-encoding': 'chunked' };
  expect((await ask(url, { method: 'POST', headers, body })).status).toBe(413);
  expect(server.node.stats()).toMatchObject({ ...nothing, limits: { maxMessageBytes: 2 } });
  expect(server.node.emulated.size).toBe(0);
});

test('a first frame that does not come is late like a connect that does not come: 3502', async () => {
  const server = await serve({ limits: { connectDeadlineMs: 300 } });
  const socket = dial(server);
  socket.write(post('x'.repeat(50)).slice(0, -10));
  await expect.poll(() => server.node.stats().unauthenticated).toBe(1);
  const text = await heard(socket);
  expect(text).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(text).toContain('{"push":{"disconnect":{"code":3502,"reason":"stale"}}}');
  expect(server.node.stats()).toMatchObject({ ...nothing, limits: { connectDeadlineMs: 1 } });
});

test('a client whose connect is answered with an error keeps the stream until it goes', async () => {
  const authenticate = () => ({
    userId: 'ada',
    realm: { kind: 'tenant', tenantId: 'acme' } as const,
    roles: [],
    expiresAt: 1,
  });
  const server = await serve({ authenticate, limits: { connectDeadlineMs: 200 } });
  const stream = new RawStream(server, [CONNECT]);
  expect(await stream.reply(1)).toMatchObject({ error: { code: 110 } });
  expect(await stream.closed()).toBe(3502);
});

test('a stream behind another response on the same socket is refused', async () => {
  const server = await serve();
  const socket = dial(server);
  const text = heard(socket);
  const connect = JSON.stringify(CONNECT);
  socket.write(post(connect) + post(connect));
  await expect.poll(() => server.node.stats().connections).toBe(1);
  await server.node.drain({ waitMs: 0, spreadMs: 1, deadlineMs: 500 });
  expect((await text).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  expect(server.node.stats().counts.connectionsOpened).toBe(1);
});

test('HTTP/1.0 is spoken too, as some proxies do', async () => {
  const server = await serve();
  const socket = dial(server);
  const text = heard(socket);
  socket.write(post(JSON.stringify(CONNECT), '1.0'));
  await expect.poll(() => server.node.stats().connections).toBe(1);
  await server.node.publish(userChannel('ada'), '1');
  await server.node.drain({ waitMs: 0, spreadMs: 1, deadlineMs: 500 });
  const [head, ...lines] = (await text).split(/\r\n\r\n|\n/).filter((line) => line.startsWith('{'));
  expect(head).toMatch(/^{"id":1,"connect"/);
  expect(lines).toEqual([
    '{"push":{"channel":"@user","pub":{"data":1,"offset":1}}}',
    '{"push":{"disconnect":{"code":3001,"reason":"shutdown"}}}',
  ]);
});

test('streams that are torn down in the middle of writes do no harm', async () => {
  const server = await serve({ limits: { maxUnauthenticatedPerAddress: 1_000 } });
  const streams = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      streaming(server, `acme/u${n}`, { transport: n % 2 ? 'sse' : 'http_stream' }),
    ),
  );
  const large = JSON.stringify('x'.repeat(100_000));
  for (const [n, stream] of streams.entries()) {
    if (n % 3 === 0) stream.response?.pause();
    void server.node.publish(allChannel(), large);
    if (n % 5 === 0) await turn();
    (stream.request.socket as Socket).resetAndDestroy();
    void server.node.users.disconnect({
      realm: { kind: 'tenant', tenantId: 'acme' },
      userId: `u${n + 1}`,
    });
  }
  await expect.poll(() => server.node.stats(), { timeout: 5_000 }).toMatchObject(nothing);
  expect(server.node.emulated.size).toBe(0);
});

test('a session that was closed takes nothing more, though its stream is still open', async () => {
  const server = await serve();
  const stream = await streaming(server, 'acme/ada');
  const key = await stream.connected();
  stream.response?.pause();
  for (let n = 0; n < 40; n += 1) {
    await server.node.publish(userChannel('ada'), JSON.stringify('x'.repeat(100_000)));
    await turn();
  }
  await server.node.users.disconnect({
    realm: { kind: 'tenant', tenantId: 'acme' },
    userId: 'ada',
  });
  expect((await emulate(server, key, { id: 2, rpc: {} })).status).toBe(404);
});
