// What goes wrong on the way in is the affair of who comes in, never of the process.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { connected, serve, type TestServer } from './harness.ts';
import { emulate, streaming } from './raw-stream.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

const CONNECT = '{"id":1,"connect":{"token":"acme/ada"}}';
const STRANGER = '{"session":"x","node":"y","data":"{}"}';

const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
  `Content-Length: ${body.length}\r\n\r\n${body}`;

/** One request for each way in. */
const REQUESTS = {
  websocket:
    'GET /connection/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  http_stream: post('/connection/http_stream', CONNECT),
  sse: `GET /connection/sse?cf_connect=${encodeURIComponent(CONNECT)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  emulation: post('/emulation', STRANGER),
};

/** Notes what nobody has caught. */
function watchEscapes(): unknown[] {
  const escaped: unknown[] = [];
  const note = (error: unknown) => void escaped.push(error);
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  onTestFinished(() => {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  });
  return escaped;
}

async function dial(server: TestServer): Promise<Socket> {
  const { hostname, port } = new URL(server.httpUrl);
  const socket = createConnection(Number(port), hostname);
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

test.each(Object.entries(REQUESTS))(
  'over %s: a peer that resets its connection behind its request has no address, and does no harm',
  async (_name, request) => {
    const escaped = watchEscapes();
    const limits = { maxUnauthenticatedPerAddress: 1_000 };
    const server = await serve({ limits }, { trustedProxies: ['loopback'] });
    for (let n = 0; n < 100; n += 1) {
      const socket = await dial(server);
      socket.write(request);
      socket.resetAndDestroy();
    }
    await expect.poll(() => server.node.stats()).toMatchObject({ connections: 0 });
    // who comes behind them has been let in when nothing of theirs is left to do
    expect((await connected(server, 'acme/ada')).closeCode).toBeNull();
    expect(escaped).toEqual([]);
    expect(server.log.records.filter(({ level }) => level === 'error')).toEqual([]);
  },
);

test.each(['websocket', 'http_stream', 'sse'] as const)(
  'over %s: an error on the way in is logged and ends that connection alone',
  async (name) => {
    const escaped = watchEscapes();
    const createSession = () => {
      throw new Error('no session today');
    };
    const server = await serve({}, { createSession });
    const socket = await dial(server);
    socket.write(REQUESTS[name]);
    await once(socket.resume(), 'close');
    await turn();
    expect(escaped).toEqual([]);
    expect(server.log.records).toEqual([
      { level: 'error', message: 'request_failed', fields: { error: 'Error: no session today' } },
    ]);
  },
);

test('an error over a posted command ends that request alone', async () => {
  const escaped = watchEscapes();
  const server = await serve();
  const { node } = server;
  node.emulated.add('broken', {
    receive: () => {
      throw new Error('not taken');
    },
  });
  const stream = await streaming(server, 'acme/ada');
  const socket = await dial(server);
  const body = JSON.stringify({ session: 'broken', node: node.id, data: '{}' });
  socket.write(post('/emulation', body));
  await once(socket.resume(), 'close');
  node.emulated.remove('broken');
  expect(escaped).toEqual([]);
  expect(server.log.records.map(({ message }) => message)).toEqual(['request_failed']);
  expect((await emulate(server, await stream.connected(), { id: 2, rpc: {} })).status).toBe(204);
  expect(await stream.reply(2)).toHaveProperty('error');
});
