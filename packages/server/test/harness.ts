import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Channel, Realm } from '@trunkline/contract';
import { type AttachOptions, attach, type Log, Node, type NodeOptions } from '@trunkline/server';
import { Centrifuge, type Options } from 'centrifuge';
import { WebSocket } from 'ws';

export const acme: Realm = { kind: 'tenant', tenantId: 'acme' };
export const globex: Realm = { kind: 'tenant', tenantId: 'globex' };

export const userChannel = (userId: string, realm = acme): Channel => ({
  realm,
  target: { kind: 'user', userId },
});
export const roomChannel = (room: string, realm = acme): Channel => ({
  realm,
  target: { kind: 'room', room },
});
export const allChannel = (realm = acme): Channel => ({ realm, target: { kind: 'all' } });

/** A log that remembers what was written. */
export class MemoryLog implements Log {
  readonly records: { level: string; message: string; fields?: Record<string, unknown> }[] = [];
  info = (message: string, fields?: Record<string, unknown>) => this.#add('info', message, fields);
  warn = (message: string, fields?: Record<string, unknown>) => this.#add('warn', message, fields);
  error = (message: string, fields?: Record<string, unknown>) =>
    this.#add('error', message, fields);

  #add(level: string, message: string, fields: Record<string, unknown> = {}): void {
    this.records.push({ level, message, fields });
  }
}

/** A node behind a real HTTP server on a free port. Tokens are `tenant/user` or `tenant/user/role`. */
export interface TestServer {
  readonly node: Node;
  readonly http: Server;
  readonly url: string;
  readonly log: MemoryLog;
  client(token: string, options?: Partial<Options>): Centrifuge;
  /** Destroys every socket, as a network would. */
  cutAll(): void;
  stop(): Promise<void>;
}

export async function startServer(
  options: Partial<NodeOptions> = {},
  attachOptions: AttachOptions = {},
): Promise<TestServer> {
  const log = new MemoryLog();
  const node = new Node({ authenticate: fromToken, log, ...options });
  const http = createServer((_request, response) => response.writeHead(404).end());
  const sockets = trackSockets(http);
  const clients: Centrifuge[] = [];
  attach(http, node, attachOptions);
  await node.start();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/connection/websocket`;
  return {
    node,
    http,
    url,
    log,
    client: (token, clientOptions = {}) => {
      const client = newClient(url, { token, ...clientOptions });
      clients.push(client);
      return client;
    },
    cutAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      await node.stop();
      for (const socket of sockets) socket.destroy();
      http.close();
      await once(http, 'close');
    },
  };
}

/** Reads `tenant/user/role` from the token; no token is nobody. */
export const fromToken: NodeOptions['authenticate'] = ({ token }) => {
  if (!token) return null;
  const [tenantId = '', userId = '', role] = token.split('/');
  return { userId, realm: { kind: 'tenant', tenantId }, roles: role ? [role] : [] };
};

function newClient(url: string, options: Partial<Options>): Centrifuge {
  return new Centrifuge(url, {
    websocket: WebSocket,
    minReconnectDelay: 1,
    maxReconnectDelay: 20,
    ...options,
  });
}

function trackSockets(http: Server): Set<Socket> {
  const sockets = new Set<Socket>();
  http.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return sockets;
}

/** A WebSocket that speaks in literal frames, for what a stock client never says. */
export class RawClient {
  readonly socket: WebSocket;
  readonly frames: string[] = [];
  closeCode: number | null = null;
  readonly #waiting: (() => void)[] = [];

  constructor(url: string, options: { headers?: Record<string, string>; protocol?: string } = {}) {
    this.socket = new WebSocket(url, options.protocol, { headers: options.headers ?? {} });
    this.socket.on('message', (data: Buffer) => {
      this.frames.push(data.toString());
      this.#wake();
    });
    this.socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake();
    });
    this.socket.on('error', () => {});
  }

  async open(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  send(...lines: unknown[]): void {
    const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
    this.socket.send(text.join('\n'));
  }

  /** All lines received so far, parsed. */
  get lines(): Record<string, unknown>[] {
    return this.frames.flatMap((frame) => frame.split('\n')).map((line) => JSON.parse(line));
  }

  /** Resolves with the first line that fits. */
  async line(fits: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.lines.find(fits);
      if (found) return found;
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode}`);
      await this.#change();
    }
  }

  async reply(id: number): Promise<Record<string, unknown>> {
    return await this.line((line) => line['id'] === id);
  }

  /** Resolves with the close code. */
  async closed(): Promise<number> {
    while (this.closeCode === null) await this.#change();
    return this.closeCode;
  }

  async #change(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Seeded random numbers (mulberry32): a failing seed can be run again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Resolves on the emitter's next event that fits. */
export async function eventOf<T>(
  emitter: { on(event: never, listener: (context: never) => void): unknown },
  name: string,
  fits: (context: T) => boolean = () => true,
): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  (emitter as { on(event: string, listener: (context: T) => void): unknown }).on(
    name,
    (context) => {
      if (fits(context)) resolve(context);
    },
  );
  return await promise;
}
