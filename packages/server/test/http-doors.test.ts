// The CSRF table: origin × cookie × Sec-Fetch-Site × endpoint × content type, with the exact answers.
import { describe, expect, test } from 'vitest';
import { fromToken, serve, type TestServer, upgrade } from './harness.ts';
import { type Asked, ask, JSON_TYPE, RawStream, streaming } from './raw-stream.ts';

const CONNECT = '{"id":1,"connect":{"token":"acme/ada"}}';
const EVENTS = `/connection/sse?cf_connect=${encodeURIComponent(CONNECT)}`;
const STRANGER = '{"session":"x","node":"y","data":"{}"}';
const SITES = [undefined, 'same-origin', 'same-site', 'cross-site', 'none'];

/** What an allowed request of each content type is answered. */
const BY_TYPE: [string | undefined, boolean][] = [
  ['application/json', true],
  ['application/json; charset=utf-8', true],
  ['APPLICATION/JSON', true],
  ['application/json5', false],
  ['text/plain', false],
  ['application/x-www-form-urlencoded', false],
  ['multipart/form-data; boundary=application/json', false],
  ['', false],
  [undefined, false],
];
const POSTS: [string, string, number][] = [
  ['/connection/http_stream', CONNECT, 200],
  ['/connection/sse', CONNECT, 200],
  ['/emulation', STRANGER, 404],
];

interface Sender {
  readonly origin?: string | undefined;
  readonly cookie?: boolean;
  readonly site?: string | undefined;
}

function headersOf(server: TestServer, { origin, cookie, site }: Sender): Record<string, string> {
  return {
    ...(origin === undefined ? {} : { origin: origin === 'own' ? server.httpUrl : origin }),
    ...(cookie ? { cookie: 'session=secret' } : {}),
    ...(site === undefined ? {} : { 'sec-fetch-site': site }),
  };
}

/** Every endpoint with every content type: what it says, and whether it lets the page read it. */
async function answersTo(server: TestServer, sender: Sender) {
  const headers = headersOf(server, sender);
  const asked: [string, Asked, number][] = [[EVENTS, { headers }, 200]];
  for (const [path, body, status] of POSTS) {
    for (const [type, isTaken] of BY_TYPE) {
      const typed = { ...headers, ...(type === undefined ? {} : { 'content-type': type }) };
      asked.push([path, { method: 'POST', headers: typed, body }, isTaken ? status : 415]);
    }
  }
  const answers = [];
  for (const [path, request, expected] of asked) {
    const answer = await ask(server.httpUrl + path, request);
    const { 'access-control-allow-origin': readableBy, vary } = answer.headers;
    const credentials = answer.headers['access-control-allow-credentials'];
    answers.push({ ...answer, path, expected, readableBy, credentials, vary });
  }
  return answers;
}

const fromOrigins = (origin: string, cookies: boolean[]): Sender[] =>
  SITES.flatMap((site) => cookies.map((cookie) => ({ origin, cookie, site })));
const both = [false, true];

const allowed: Sender[] = [
  ...fromOrigins('own', both),
  ...fromOrigins('https://listed.test', both),
  {},
  { site: 'same-origin' },
  { site: 'same-origin', cookie: true },
];
const refused: Sender[] = [
  ...fromOrigins('https://evil.test', both),
  ...fromOrigins('http://listed.test', both),
  ...fromOrigins('null', both),
  ...fromOrigins('', both),
  { cookie: true },
  ...['same-site', 'cross-site', 'none', 'SAME-ORIGIN', ''].flatMap((site) =>
    both.map((cookie) => ({ site, cookie })),
  ),
];

describe('with listed origins', () => {
  const listed = { origins: ['https://listed.test'] };

  test.each(allowed)('in comes %j', async (sender) => {
    const server = await serve({}, listed);
    for (const answer of await answersTo(server, sender)) {
      expect([answer.path, answer.status]).toEqual([answer.path, answer.expected]);
      const { origin } = headersOf(server, sender);
      expect(answer.readableBy).toBe(origin);
      expect(answer.credentials).toBe(origin === undefined ? undefined : 'true');
      expect(answer.vary).toBe('Origin');
    }
    expect(server.node.stats().counts.originsRejected).toBe(0);
  });

  test.each(refused)('out stays %j', async (sender) => {
    const server = await serve({}, listed);
    const answers = await answersTo(server, sender);
    for (const answer of answers) {
      expect([answer.path, answer.status]).toEqual([answer.path, 403]);
      expect(answer.readableBy).toBeUndefined();
      expect(answer.credentials).toBeUndefined();
    }
    const { counts } = server.node.stats();
    expect(counts).toMatchObject({ connectionsOpened: 0, originsRejected: answers.length });
    expect(JSON.stringify(server.log.records)).not.toContain('secret');
  });
});

describe("with origins: ['*']", () => {
  test.each<Sender>([
    ...fromOrigins('own', both),
    ...fromOrigins('https://evil.test', [false]),
    ...fromOrigins('null', [false]),
    {},
    { site: 'same-origin', cookie: true },
  ])('in comes %j', async (sender) => {
    const server = await serve({}, { origins: ['*'] });
    for (const answer of await answersTo(server, sender)) {
      expect([answer.path, answer.status]).toEqual([answer.path, answer.expected]);
      expect(answer.readableBy).toBe(headersOf(server, sender)['origin']);
    }
  });

  test.each<Sender>([
    ...fromOrigins('https://evil.test', [true]),
    ...fromOrigins('null', [true]),
    { cookie: true },
    { site: 'cross-site' },
    { site: 'cross-site', cookie: true },
  ])('out stays %j', async (sender) => {
    const server = await serve({}, { origins: ['*'] });
    for (const { status } of await answersTo(server, sender)) expect(status).toBe(403);
    expect(server.node.stats().counts.connectionsOpened).toBe(0);
  });

  test.each<[string, string, boolean]>([
    ['Basic YWRhOnNlY3JldA==', 'https://evil.test', false],
    ['basic YWRhOnNlY3JldA==', 'null', false],
    ['Digest username="ada"', 'https://evil.test', false],
    ['Negotiate secret', 'https://evil.test', false],
    ['NTLM secret', 'https://evil.test', false],
    ['Bearer secret', 'https://evil.test', true],
    ['Basically secret', 'https://evil.test', true],
    ['Basic YWRhOnNlY3JldA==', 'own', true],
  ])('%s of a page of %s: %s', async (authorization, origin, isIn) => {
    const server = await serve({}, { origins: ['*'] });
    const headers = { ...headersOf(server, { origin }), authorization };
    const posted = { ...JSON_TYPE, ...headers };
    expect((await ask(server.httpUrl + EVENTS, { headers })).status).toBe(isIn ? 200 : 403);
    for (const [path, body, status] of POSTS) {
      const answer = await ask(server.httpUrl + path, { method: 'POST', headers: posted, body });
      expect([path, answer.status]).toEqual([path, isIn ? status : 403]);
    }
    expect((await upgrade(server.url, headers)).status).toBe(isIn ? 101 : 403);
  });
});

test.each([
  ['/connection/http_stream', 'POST, OPTIONS'],
  ['/connection/sse', 'GET, POST, OPTIONS'],
  ['/emulation', 'POST, OPTIONS'],
])('a preflight of %s is answered for allowed pages only', async (path, methods) => {
  const server = await serve({}, { origins: ['https://listed.test'] });
  const preflight = async (origin: string) =>
    await ask(server.httpUrl + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type, x-tenant',
        'sec-fetch-site': 'cross-site',
      },
    });
  const yes = await preflight('https://listed.test');
  expect(yes.status).toBe(204);
  expect(yes.headers).toMatchObject({
    'access-control-allow-origin': 'https://listed.test',
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': methods,
    'access-control-allow-headers': 'content-type, x-tenant',
    'access-control-max-age': '300',
    vary: 'Origin',
  });
  const no = await preflight('https://evil.test');
  expect(no.status).toBe(403);
  expect(Object.keys(no.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test.each([
  ['/connection/http_stream', ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH'], 'POST, OPTIONS'],
  ['/connection/sse', ['HEAD', 'PUT', 'DELETE', 'PATCH'], 'GET, POST, OPTIONS'],
  ['/emulation', ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH'], 'POST, OPTIONS'],
])('%s answers %s with 405 and what it takes instead', async (path, names, allow) => {
  const server = await serve();
  for (const method of names) {
    const answer = await ask(server.httpUrl + path, { method, headers: JSON_TYPE });
    expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, allow]);
  }
  expect(server.node.stats().counts.connectionsOpened).toBe(0);
});

test.each(['/connection/http_stream', '/connection/sse', '/emulation'])(
  '%s refuses a token in the URL, and says nothing of it in the log',
  async (path) => {
    const server = await serve();
    for (const name of ['token', 'access_token', 'jwt']) {
      const url = `${server.httpUrl}${path}?cf_connect=${encodeURIComponent(CONNECT)}&${name}=secret`;
      expect((await ask(url, { method: 'POST', headers: JSON_TYPE, body: CONNECT })).status).toBe(
        400,
      );
      expect((await ask(url)).status).toBe(400);
    }
    expect(JSON.stringify(server.log.records)).not.toContain('secret');
  },
);

test('a GET with a body is refused: nobody would read it', async () => {
  const server = await serve();
  for (const headers of [{ 'content-length': '5' }, { 'transfer-encoding': 'chunked' }]) {
    const answer = await ask(server.httpUrl + EVENTS, { headers, body: 'hello' });
    expect(answer).toMatchObject({ status: 400, headers: { connection: 'close' } });
  }
  expect((await ask(server.httpUrl + EVENTS, { headers: { 'content-length': '0' } })).status).toBe(
    200,
  );
});

test('a body that is encoded is not decoded', async () => {
  const server = await serve();
  const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };
  for (const [path, body] of POSTS) {
    expect((await ask(server.httpUrl + path, { method: 'POST', headers, body })).status).toBe(415);
  }
});

test.each([
  ['nothing', ''],
  ['an empty one', '?cf_connect='],
  ['no JSON', '?cf_connect=connect'],
  ['another command', `?cf_connect=${encodeURIComponent('{"id":1,"rpc":{}}')}`],
  ['a pong', '?cf_connect={}'],
  ['two commands', `?cf_connect=${encodeURIComponent(`${CONNECT}\n{"id":2,"rpc":{}}`)}`],
  ['two connects', `?cf_connect=${encodeURIComponent(`${CONNECT}\n${CONNECT}`)}`],
  ['the parameter twice', `${EVENTS.slice(EVENTS.indexOf('?'))}&cf_connect={}`],
  ['a connect without an id', `?cf_connect=${encodeURIComponent('{"connect":{}}')}`],
])('events are asked for with one connect command; %s gets 400', async (_name, query) => {
  const server = await serve();
  expect((await ask(`${server.httpUrl}/connection/sse${query}`)).status).toBe(400);
  expect(server.node.stats().counts.connectionsOpened).toBe(0);
});

describe.each(['http_stream', 'sse'] as const)('the door of %s', (transport) => {
  const opening = { method: 'POST', headers: JSON_TYPE, body: CONNECT };
  const open = async (server: TestServer) =>
    await ask(`${server.httpUrl}/connection/${transport}`, opening);

  test('a node that drains answers 503, and when to come again', async () => {
    const server = await serve();
    await server.node.drain();
    const answer = await open(server);
    expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  });

  test('a page may read why it was refused', async () => {
    const server = await serve({}, { origins: ['https://listed.test'] });
    await server.node.drain();
    const headers = { ...JSON_TYPE, origin: 'https://listed.test' };
    const answer = await ask(`${server.httpUrl}/connection/${transport}`, { ...opening, headers });
    expect(answer.status).toBe(503);
    expect(answer.headers['access-control-allow-origin']).toBe('https://listed.test');
  });

  test('connections, handshakes and strangers have the same limits as WebSockets', async () => {
    const full = await serve({ limits: { maxConnections: 1 } });
    await streaming(full, 'acme/ada', { transport });
    expect((await open(full)).status).toBe(503);
    expect(full.node.stats().limits.maxConnections).toBe(1);

    const fast = await serve({ limits: { handshakesPerSecond: 0.001, handshakeBurst: 1 } });
    expect([(await open(fast)).status, (await open(fast)).status]).toEqual([200, 503]);
    expect(fast.node.stats().limits.handshakesPerSecond).toBe(1);

    const authenticate = async () => await new Promise<never>(() => {});
    const slow = await serve({ authenticate, limits: { maxUnauthenticatedPerAddress: 1 } });
    const first = new RawStream(slow, [CONNECT], { transport });
    await first.open();
    expect(await open(slow)).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
    expect(slow.node.stats().unauthenticated).toBe(1);
  });

  test('the app is asked with the request, but never sees the connect command in its URL', async () => {
    const urls: string[] = [];
    const cookies: unknown[] = [];
    const authenticate: typeof fromToken = (handshake) => {
      urls.push(handshake.url);
      cookies.push(handshake.headers.cookie);
      return fromToken(handshake);
    };
    const server = await serve({ authenticate });
    const { httpUrl: origin } = server;
    await streaming(server, 'acme/ada', { transport, headers: { cookie: 'a=b', origin } });
    await ask(`${origin}${EVENTS}&page=1`);
    await ask(`${origin}/connection/${transport}?page=1`, opening);
    await expect.poll(() => urls.length).toBe(3);
    const path = `/connection/${transport}`;
    expect(urls).toEqual([path, '/connection/sse?page=1', `${path}?page=1`]);
    expect(cookies).toEqual(['a=b', undefined, undefined]);
  });
});
