import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type AttachOptions, attach, Node } from '@trunkline/server';
import { expect, onTestFinished, test } from 'vitest';
import { fromToken, MemoryLog } from './harness.ts';
import { answerTo, ask, JSON_TYPE } from './raw-stream.ts';

const POSTED = {
  method: 'POST',
  headers: JSON_TYPE,
  body: '{"id":1,"connect":{"token":"acme/ada"}}',
};

/** An HTTP server that notes what its own listener sees. */
async function listen() {
  const seen: string[] = [];
  const http = createServer((request, response) => {
    seen.push(`own ${request.url}`);
    response.writeHead(418).end();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { http, url, seen };
}

async function attached(http: Server, options: AttachOptions = {}) {
  const node = new Node({ authenticate: fromToken, log: new MemoryLog() });
  await node.start();
  onTestFinished(() => node.stop());
  return { node, door: attach(http, node, options) };
}

test('nobody else sees a request of ours, whenever and however they came to listen', async () => {
  const { http, url, seen } = await listen();
  await attached(http);
  http.on('request', (request) => seen.push(`later ${request.url}`));
  http.prependListener('request', (request) => seen.push(`first ${request.url}`));
  http.once('request', (request) => seen.push(`once ${request.url}`));
  http.on('checkContinue', (request) => seen.push(`continue ${request.url}`));
  expect((await ask(`${url}/connection/http_stream`, POSTED)).status).toBe(200);
  expect((await ask(`${url}/connection/sse`)).status).toBe(400);
  expect((await ask(`${url}/emulation?x=1`, { ...POSTED, body: '{' })).status).toBe(400);
  expect(seen).toEqual([]);
  expect((await ask(`${url}/emulation/more`)).status).toBe(418);
  expect(seen.toSorted()).toEqual(
    ['first', 'once', 'own', 'later'].map((name) => `${name} /emulation/more`).toSorted(),
  );
});

test('a body that a client offers before it sends it is asked for', async () => {
  const { http, url, seen } = await listen();
  await attached(http);
  http.on('checkContinue', (request) => seen.push(`continue ${request.url}`));
  const request = httpRequest(`${url}/emulation`, {
    method: 'POST',
    headers: { ...JSON_TYPE, expect: '100-continue', 'content-length': '1' },
    agent: false,
  });
  request.on('continue', () => request.end('{'));
  request.flushHeaders();
  expect((await answerTo(request)).status).toBe(400);
  expect(seen).toEqual([]);
});

test('when the door is taken off, everything is as it was before', async () => {
  const { http, url, seen } = await listen();
  const { door } = await attached(http);
  expect(Object.hasOwn(http, 'emit')).toBe(true);
  door.detach();
  door.detach();
  expect(Object.hasOwn(http, 'emit')).toBe(false);
  expect((await ask(`${url}/emulation`, POSTED)).status).toBe(418);
  expect(seen).toEqual(['own /emulation']);
  await attached(http);
  expect((await ask(`${url}/emulation`, { ...POSTED, body: '{' })).status).toBe(400);
});

/** A stream on that server that has connected, and how its commands are posted. */
async function streamOn(url: string, token = 'acme/ada') {
  const stream = httpRequest(`${url}/connection/http_stream`, { ...POSTED, agent: false });
  stream.on('error', () => {});
  stream.end(JSON.stringify({ id: 1, connect: { token } }));
  const [response] = (await once(stream, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  const [text] = await once(response, 'data');
  const { session, node } = JSON.parse(String(text)).connect;
  const body = JSON.stringify({ session, node, data: '{"id":2,"rpc":{}}' });
  const post = async () => (await ask(`${url}/emulation`, { ...POSTED, body })).status;
  return { stream, post };
}

test('streams that outlive their door can still say something; then nothing of it is left', async () => {
  const { http, url } = await listen();
  const { node, door } = await attached(http);
  const [first, second] = [await streamOn(url), await streamOn(url)];
  door.detach();
  door.detach();
  expect((await ask(`${url}/connection/http_stream`, POSTED)).status).toBe(418);
  expect((await ask(`${url}/connection/sse`, POSTED)).status).toBe(418);
  expect([await first.post(), await second.post()]).toEqual([204, 204]);
  first.stream.destroy();
  await expect.poll(() => node.emulated.size).toBe(1);
  expect(await second.post()).toBe(204);
  second.stream.destroy();
  await expect.poll(() => Object.hasOwn(http, 'emit')).toBe(false);
  expect(await second.post()).toBe(418);
});

test('a door that is put on meanwhile has its paths; what the old one has left gives way', async () => {
  const { http, url } = await listen();
  const old = await attached(http);
  const before = await streamOn(url);
  old.door.detach();
  const next = await attached(http);
  const after = await streamOn(url);
  expect(next.node.stats().connections).toBe(1);
  expect(await after.post()).toBe(204);
  next.door.detach();
  after.stream.destroy();
  await expect.poll(before.post).toBe(204);
});

test('who takes our place, as tracers do, goes on seeing all; without a door all passes', async () => {
  const { http, url, seen } = await listen();
  const { door } = await attached(http);
  const emit = http.emit.bind(http);
  const traced: unknown[] = [];
  http.emit = (event: string, ...args: unknown[]) => {
    if (event === 'request') traced.push((args[0] as { url: string }).url);
    return emit(event, ...args);
  };
  expect((await ask(`${url}/emulation`, { ...POSTED, body: '{' })).status).toBe(400);
  door.detach();
  expect((await ask(`${url}/emulation`, POSTED)).status).toBe(418);
  await attached(http);
  expect((await ask(`${url}/emulation`, { ...POSTED, body: '{' })).status).toBe(400);
  expect(traced).toEqual(['/emulation', '/emulation', '/emulation']);
  expect(seen).toEqual(['own /emulation']);
});

test('a request by HTTP/2 is left to others: it has no connection of its own to close', async () => {
  const seen: string[] = [];
  const http = createHttp2Server((request, response) => {
    seen.push(request.url);
    response.writeHead(418).end();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  await attached(http as unknown as Server);
  const client = connectHttp2(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const stream = client.request({ ':path': '/connection/sse' });
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(418);
  expect(seen).toEqual(['/connection/sse']);
  client.destroy();
  http.close();
});

test('two nodes share one server: the paths of the second lie below its own', async () => {
  const { http, url } = await listen();
  const first = await attached(http);
  const second = await attached(http, { path: '/second' });
  const opened = async (path: string) => (await ask(url + path, POSTED)).status;
  expect(await opened('/second/http_stream')).toBe(200);
  expect(await opened('/connection/http_stream')).toBe(200);
  const counts = [first, second].map(({ node }) => node.stats().counts.connectionsOpened);
  expect(counts).toEqual([1, 1]);
  first.door.detach();
  expect(await opened('/connection/http_stream')).toBe(418);
  expect(await opened('/second/http_stream')).toBe(200);
});

test.each<[string, AttachOptions, Record<string, number>]>([
  [
    'paths of their own',
    { httpFallback: { httpStream: '/a', sse: '/b', emulation: '/c' } },
    { '/a': 200, '/b': 200, '/c': 400, '/connection/http_stream': 418, '/emulation': 418 },
  ],
  [
    'one of them changed',
    { httpFallback: { emulation: '/c' } },
    { '/connection/http_stream': 200, '/connection/sse': 200, '/c': 400, '/emulation': 418 },
  ],
  [
    'no events',
    { httpFallback: { sse: false } },
    { '/connection/http_stream': 200, '/connection/sse': 418, '/emulation': 400 },
  ],
  [
    'no fallback',
    { httpFallback: false },
    { '/connection/http_stream': 418, '/connection/sse': 418, '/emulation': 418 },
  ],
  [
    'behind a prefix',
    { path: '/api/connection/websocket' },
    { '/api/connection/http_stream': 200, '/api/connection/sse': 200, '/api/emulation': 400 },
  ],
])('options: %s', async (_name, options, statuses) => {
  const { http, url } = await listen();
  await attached(http, options);
  for (const [path, status] of Object.entries(statuses)) {
    expect([path, (await ask(url + path, POSTED)).status]).toEqual([path, status]);
  }
});

test.each<[object, string]>([
  [{ emulation: 'emulation' }, 'httpFallback.emulation is a path like /connection/sse'],
  [{ httpStream: '/a?b' }, 'httpFallback.httpStream is a path'],
  [{ emulation: false }, 'httpFallback.emulation is a path'],
  [{ sse: '/same', emulation: '/same' }, 'a path for each of its doors'],
  [{ http_stream: '/a' }, 'httpFallback has no http_stream'],
])('%j is refused at once', async (httpFallback, message) => {
  const { http } = await listen();
  await expect(attached(http, { httpFallback })).rejects.toThrow(message);
});
