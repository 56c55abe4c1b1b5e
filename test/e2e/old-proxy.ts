import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream';

/** A proxy of before WebSockets: it passes requests and answers on as they come, and no upgrade. */
export interface OldProxy {
  readonly url: string;
  /** Upgrades that it has refused. */
  readonly refusedUpgrades: number;
  /** Paths of requests that it has passed on, with their methods. */
  readonly passed: string[];
  /** Destroys every connection once. */
  cut(): void;
  close(): Promise<void>;
}

/** `refuses` names paths that it does not pass on either. */
export async function startOldProxy(
  targetPort: number,
  refuses: readonly string[] = [],
): Promise<OldProxy> {
  const sockets = new Set<Socket>();
  const passed: string[] = [];
  let refusedUpgrades = 0;
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (refuses.includes(path)) return void response.writeHead(403).end();
    passed.push(`${request.method} ${path}`);
    pass(request, response, targetPort);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (_request, socket) => {
    refusedUpgrades += 1;
    socket.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refusedUpgrades() {
      return refusedUpgrades;
    },
    passed,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function pass(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method = 'GET', url: path = '/', headers } = request;
  const forwarded = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false });
  forwarded.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    response.flushHeaders();
    pipeline(answer, response, () => {}); // a stream that breaks off is broken on this side, too
  });
  forwarded.on('error', () => response.destroy());
  response.on('close', () => forwarded.destroy());
  request.pipe(forwarded);
}
