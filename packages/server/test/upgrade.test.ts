import { once } from 'node:events';
import { createConnection } from 'node:net';
import { attach, Node } from '@trunkline/server';
import { expect, test } from 'vitest';
import { connected, fromToken, MemoryLog, RawClient, serve, upgrade } from './harness.ts';

const hostOf = (url: string) => new URL(url).host;

test.each<[string, (host: string) => Record<string, string>, number]>([
  ['the same host and port', (host) => ({ origin: `http://${host}` }), 101],
  ['https behind a proxy', (host) => ({ origin: `https://${host}` }), 101],
  [
    'https, its default port left out',
    () => ({ host: 'app.test', origin: 'https://app.test' }),
    101,
  ],
  [
    'https, its default port in Host',
    () => ({ host: 'app.test:443', origin: 'https://app.test' }),
    101,
  ],
  ['another case', () => ({ host: 'App.test', origin: 'https://app.TEST' }), 101],
  ['another port', () => ({ host: 'app.test:81', origin: 'http://app.test' }), 403],
  ['another host', () => ({ origin: 'https://evil.test' }), 403],
  [
    'a host that only begins alike',
    () => ({ host: 'app.test', origin: 'http://app.test.evil' }),
    403,
  ],
  ['a subdomain', () => ({ host: 'app.test', origin: 'http://x.app.test' }), 403],
  ['a listed origin', () => ({ origin: 'https://listed.test' }), 101],
  ['a listed origin, other scheme', () => ({ origin: 'http://listed.test' }), 403],
  ['two origins', (host) => ({ origin: `http://${host}, http://evil.test` }), 403],
  ['null', () => ({ origin: 'null' }), 403],
  ['a malformed one', () => ({ origin: 'http://[' }), 403],
  ['an empty one', () => ({ origin: '' }), 403],
  ['a file', () => ({ origin: 'file://' }), 403],
  ['none', () => ({}), 101],
  ['none, with a cookie', () => ({ cookie: 'session=1' }), 403],
  ['the own one, with a cookie', (host) => ({ origin: `http://${host}`, cookie: 'a=b' }), 101],
])('origin: %s', async (_name, headersOf, status) => {
  const server = await serve({}, { origins: ['https://listed.test'] });
  const answer = await upgrade(server.url, headersOf(hostOf(server.url)));
  expect(answer.status).toBe(status);
  const rejections = server.log.records.filter(({ message }) => message === 'origin_rejected');
  expect(rejections).toHaveLength(status === 403 ? 1 : 0);
  expect(JSON.stringify(rejections)).not.toContain('session=1');
});

test.each<[string, Record<string, string>, number, string | undefined]>([
  ['an empty header', { 'sec-websocket-protocol': '' }, 101, undefined],
  ['centrifuge-json', { 'sec-websocket-protocol': 'centrifuge-json' }, 101, 'centrifuge-json'],
  [
    'centrifuge-protobuf alone',
    { 'sec-websocket-protocol': 'centrifuge-protobuf' },
    400,
    undefined,
  ],
  [
    'both',
    { 'sec-websocket-protocol': 'centrifuge-protobuf, centrifuge-json' },
    101,
    'centrifuge-json',
  ],
  ['one that nobody knows', { 'sec-websocket-protocol': 'chat' }, 101, undefined],
])('sub-protocol: %s', async (_name, headers, status, chosen) => {
  const server = await serve();
  const answer = await upgrade(server.url, headers);
  expect(answer.status).toBe(status);
  expect(answer.headers['sec-websocket-protocol']).toBe(chosen);
});

test.each(['token', 'access_token', 'jwt'])('a URL with ?%s= is refused', async (name) => {
  const server = await serve();
  expect((await upgrade(`${server.url}?page=1&${name}=secret`)).status).toBe(400);
  expect((await upgrade(`${server.url}?tokens=1`)).status).toBe(101);
  expect(JSON.stringify(server.log.records)).not.toContain('secret');
});

test('compression is not negotiated', async () => {
  const server = await serve();
  const answer = await upgrade(server.url, { 'sec-websocket-extensions': 'permessage-deflate' });
  expect(answer.headers['sec-websocket-extensions']).toBeUndefined();
});

test("a path of its own that nobody else listens for gets 404, somebody else's is left alone", async () => {
  const server = await serve();
  const foreign = server.url.replace('/connection/websocket', '/other');
  expect((await upgrade(foreign)).status).toBe(404);
  server.http.on('upgrade', (request, socket) => {
    if (request.url === '/other') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n');
  });
  expect((await upgrade(foreign)).status).toBe(418);
  expect((await upgrade(server.url)).status).toBe(101);
});

test('two nodes share one HTTP server, each at its own path', async () => {
  const server = await serve();
  const second = new Node({ authenticate: fromToken, log: new MemoryLog() });
  await second.start();
  const door = attach(server.http, second, { path: '/second' });
  const url = server.url.replace('/connection/websocket', '/second');
  const client = new RawClient(url);
  await client.connect('acme/ada');
  expect([server.node.stats().connections, second.stats().connections]).toEqual([0, 1]);
  door.detach();
  expect((await upgrade(url)).status).toBe(404);
  await second.stop();
});

test('a path that none of several doors has gets 404, as long as nobody else listens', async () => {
  const server = await serve();
  const second = new Node({ authenticate: fromToken, log: new MemoryLog() });
  await second.start();
  const door = attach(server.http, second, { path: '/second' });
  const [unknown, known] = ['/third', '/second'].map((path) =>
    server.url.replace('/connection/websocket', path),
  ) as [string, string];
  expect((await upgrade(unknown)).status).toBe(404);
  expect((await upgrade(known)).status).toBe(101);
  expect((await upgrade(server.url)).status).toBe(101);
  server.http.on('upgrade', (request, socket) => {
    if (request.url === '/third') socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n');
  });
  expect((await upgrade(unknown)).status).toBe(418);
  door.detach();
  await second.stop();
});

test('more strangers than there is room for get 503, until one of them is known or gone', async () => {
  const server = await serve({ limits: { maxUnauthenticated: 2 } });
  const [first, second] = [
    await new RawClient(server.url).open(),
    await new RawClient(server.url).open(),
  ];
  expect(server.node.stats()).toMatchObject({ connections: 2, unauthenticated: 2 });
  const refusal = await upgrade(server.url);
  expect(refusal).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  await first.connect('acme/ada');
  expect(server.node.stats()).toMatchObject({ connections: 2, unauthenticated: 1 });
  const third = await new RawClient(server.url).open();
  expect((await upgrade(server.url)).status).toBe(503);
  second.socket.terminate();
  await expect.poll(() => server.node.stats().unauthenticated).toBe(1);
  expect((await upgrade(server.url)).status).toBe(101);
  expect(third.closeCode).toBeNull();
});

test('of a long origin the log holds 200 characters', async () => {
  const server = await serve();
  expect((await upgrade(server.url, { origin: `http://${'x'.repeat(5_000)}` })).status).toBe(403);
  const [rejection] = server.log.records;
  expect(rejection?.fields?.['origin']).toHaveLength(200);
});

test('JSON in a binary frame is taken', async () => {
  const server = await serve();
  const client = await new RawClient(server.url).open();
  client.socket.send(Buffer.from('{"id":1,"connect":{"token":"acme/ädä"}}'));
  expect((await client.reply(1)).connect?.data).toMatchObject({ userId: 'ädä' });
});

test('a binary frame that is no UTF-8 gets 3501, and the next client is not affected', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  client.socket.send(Buffer.from([0x7b, 0xff, 0xe2]));
  expect(await client.closed()).toBe(3501);
  const next = await new RawClient(server.url).open();
  next.socket.send(Buffer.from('{"id":1,"connect":{"token":"acme/ada"}}'));
  expect(await next.reply(1)).toHaveProperty('connect');
});

test('a text frame that is no UTF-8 gets 1007, from ws', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  client.socket.send(Buffer.from([0x7b, 0xff]), { binary: false });
  expect(await client.closed()).toBe(1007);
});

test('a message of 64 KiB is read, a larger one gets 1009', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  const frame = (size: number) => {
    const empty = '{"id":2,"rpc":{"data":""}}';
    return empty.replace('""', `"${'x'.repeat(size - empty.length)}"`);
  };
  client.send(frame(65_536));
  expect(await client.reply(2)).toHaveProperty('error');
  client.send(frame(65_537));
  expect(await client.closed()).toBe(1009);
});

test('too many fragments get 1008', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  for (let n = 0; n < 65; n += 1) client.socket.send(' ', { fin: false });
  expect(await client.closed()).toBe(1008);
});

test('a peer that is told 1009 and keeps its socket open leaves its channels at once', async () => {
  const server = await serve();
  const { hostname, port } = new URL(server.url);
  const socket = createConnection(Number(port), hostname);
  socket.write(
    'GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await once(socket, 'data');
  socket.write(masked('{"id":1,"connect":{"token":"acme/ada"}}'));
  await once(socket, 'data');
  expect(server.node.stats()).toMatchObject({ connections: 1, channels: 2 });
  const announcesTooMuch = Buffer.from([0x81, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]);
  socket.write(announcesTooMuch);
  await once(socket, 'data');
  expect(server.node.stats()).toMatchObject({ channels: 0 });
  socket.destroy();
});

/** One text frame, masked with zeros. */
function masked(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

test('who has connected and says nothing makes space for others after a second', async () => {
  const server = await serve({ limits: { maxUnauthenticated: 2 } });
  const silent = [await new RawClient(server.url).open(), await new RawClient(server.url).open()];
  expect((await upgrade(server.url)).status).toBe(503);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  const client = await connected(server, 'acme/ada');
  expect(await silent[0]?.closed()).toBe(3013); // an honest one that is slow comes back
  expect(silent[1]?.closeCode).toBeNull();
  expect(client.closeCode).toBeNull();
});
