// What docs/proxies.md says that deploy/nginx.conf does.
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type Server,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { needs } from './for-tests.ts';
import { findNginx, type NginxServer, startNginx } from './nginx.ts';

const found = findNginx();
const nginxHere = { missing: typeof found === 'string' ? undefined : found.missing };

interface Node {
  readonly server: Server;
  readonly asked: IncomingMessage[];
  answer: RequestListener;
}

/** A node that notes what it is asked, and answers as the test says. */
async function startNode(): Promise<Node> {
  const asked: IncomingMessage[] = [];
  const server = createServer((incoming, response) => {
    asked.push(incoming);
    node.answer(incoming, response);
  });
  const node: Node = { server, asked, answer: (_incoming, response) => void response.end('ok') };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return node;
}

const busy: RequestListener = (_incoming, response) => void response.writeHead(503).end();

describe('nginx', needs(nginxHere), () => {
  let one: Node;
  let two: Node;
  let nginx: NginxServer;

  beforeEach(async () => {
    [one, two] = [await startNode(), await startNode()];
    const ports = [one, two].map(({ server }) => (server.address() as AddressInfo).port);
    const started = await startNginx({ nodes: ports });
    if ('missing' in started) throw new Error(started.missing);
    nginx = started;
    return () => nginx.stop();
  });

  const statusOf = async (path: string, method = 'GET') => {
    const response = await fetch(`${nginx.url}${path}`, { method });
    await response.text();
    return response.status;
  };
  const statuses = (count: number, path: string, method?: string) =>
    Promise.all(Array.from({ length: count }, () => statusOf(path, method)));

  test('takes the nodes in turn, and says who asks', async () => {
    expect(new Set(await statuses(10, '/api/x'))).toEqual(new Set([200]));
    expect([one.asked.length, two.asked.length]).toEqual([5, 5]);
    expect(one.asked[0]?.headers).toMatchObject({
      host: new URL(nginx.url).host,
      'x-forwarded-for': '127.0.0.1',
    });
  });

  test('goes on to the next where a node is dead: nobody notices, whatever they ask', async () => {
    one.server.close();
    one.server.closeAllConnections();
    expect(new Set(await statuses(10, '/api/x', 'POST'))).toEqual(new Set([200]));
    expect(two.asked).toHaveLength(10);
  });

  test('goes on where a node says 503, but sends nothing twice that may not be done twice', async () => {
    [one.answer, two.answer] = [busy, busy];
    expect(await statusOf('/api/x')).toBe(503);
    expect(one.asked.length + two.asked.length).toBe(2);
    await expect.poll(() => statusOf('/api/x', 'POST'), { timeout: 5000 }).toBe(503);
    const posts = [...one.asked, ...two.asked].filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(1);
  });

  test('connects a stream at the next node where the first says 503', async () => {
    one.answer = busy;
    expect(new Set(await statuses(4, '/connection/http_stream', 'POST'))).toEqual(new Set([200]));
  });

  test('passes each line of a stream on as it comes', async () => {
    for (const node of [one, two]) {
      node.answer = (_incoming, response) => void response.write('first\n'); // and no end
    }
    const asking = request(`${nginx.url}/connection/http_stream`, { method: 'POST' }).end();
    onTestFinished(() => void asking.destroy());
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    const [line] = await once(response.setEncoding('utf8'), 'data');
    expect(line).toBe('first\n');
  });

  const upgrade = async () => {
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    const asking = request(`${nginx.url}/connection/websocket`, { headers }).end();
    onTestFinished(() => void asking.destroy());
    const [response, socket] = (await once(asking, 'upgrade')) as [IncomingMessage, Socket];
    onTestFinished(() => void socket.destroy());
    return response.statusCode;
  };
  const switching =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

  test('passes upgrades', async () => {
    for (const { server } of [one, two]) {
      server.on('upgrade', (_incoming, socket) => void socket.end(switching));
    }
    expect(await upgrade()).toBe(101);
  });

  test('a node that is back gets its turns again, though no connection ends', async () => {
    let isAway = true;
    let came = 0;
    const away = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n';
    one.server.on('upgrade', (_incoming, socket) => {
      if (isAway) return void socket.end(away);
      came += 1;
      socket.write(switching);
    });
    two.server.on('upgrade', (_incoming, socket) => void socket.write(switching));
    for (let n = 0; n < 4; n += 1) expect(await upgrade()).toBe(101);
    isAway = false;
    for (let n = 0; n < 10; n += 1) expect(await upgrade()).toBe(101);
    expect(came).toBe(5);
  });
});
