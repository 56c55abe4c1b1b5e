import { once } from 'node:events';
import { createServer, request as httpRequest, type Server, type ServerOptions } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Channel, Realm } from '@trunkline/contract';
import {
  type AttachOptions,
  type AuditRecord,
  type AuditSink,
  type Log,
  Node,
  type NodeOptions,
} from '@trunkline/server';
import { attachWith, Session, type SessionInit } from '@trunkline/server/testing';
import { Centrifuge, type Options } from 'centrifuge';
import { EventSource } from 'eventsource';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

export { seeded } from './seeded.ts';

export const acme: Realm = { kind: 'tenant', tenantId: 'acme' };
export const globex: Realm = { kind: 'tenant', tenantId: 'globex' };

export const userChannel = (userId: string, realm: Realm = acme): Channel => ({
  realm,
  target: { kind: 'user', userId },
});
export const roomChannel = (room: string, realm: Realm = acme): Channel => ({
  realm,
  target: { kind: 'room', room },
});
export const allChannel = (realm: Realm = acme): Channel => ({ realm, target: { kind: 'all' } });

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

/** A sink that remembers what was put on record. */
export class MemoryAudit implements AuditSink {
  readonly records: AuditRecord[] = [];
  record = (record: AuditRecord) => {
    this.records.push(record);
  };
}

/** A node behind a real HTTP server on a free port. Tokens are `tenant/user` or `tenant/user/role`. */
export interface TestServer {
  readonly node: Node;
  readonly http: Server;
  readonly url: string;
  readonly log: MemoryLog;
  readonly audit: MemoryAudit;
  /** Where HTTP requests go. */
  readonly httpUrl: string;
  /** A stock client; of another version than the newest, or over another transport, if they are given. */
  client(token: string, options?: Partial<Options>, make?: ClientMake): Centrifuge;
  /** Destroys every socket, as a network would. */
  cutAll(): void;
  stop(): Promise<void>;
}

/** Which stock client. */
export interface ClientMake {
  readonly version?: typeof Centrifuge;
  readonly transport?: TransportName;
}

/** How a stock client is connected. */
export type TransportName = 'websocket' | 'http_stream' | 'sse';

/** How a test's node is attached: with sessions of its own make, if it likes. */
interface AttachTestOptions extends AttachOptions {
  createSession?: (init: SessionInit) => Session;
  /** Of the HTTP server. */
  http?: ServerOptions;
}

export async function startServer(
  options: Partial<NodeOptions> = {},
  {
    createSession = (init) => new Session(init),
    http: httpOptions = {},
    ...attachOptions
  }: AttachTestOptions = {},
): Promise<TestServer> {
  const log = new MemoryLog();
  const audit = new MemoryAudit();
  const node = new Node({ authenticate: fromToken, log, audit, ...options });
  const http = createServer(httpOptions, (_request, response) => response.writeHead(404).end());
  const sockets = trackSockets(http);
  const clients: Centrifuge[] = [];
  attachWith(http, node, attachOptions, createSession);
  await node.start();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const httpUrl = `http://127.0.0.1:${port}`;
  const url = `ws://127.0.0.1:${port}/connection/websocket`;
  return {
    node,
    http,
    url,
    httpUrl,
    log,
    audit,
    client: (token, clientOptions = {}, make = {}) => {
      const client = newClient(port, make, { token, ...clientOptions });
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

/** A server for the length of the current test. */
export async function serve(...setup: Parameters<typeof startServer>): Promise<TestServer> {
  const server = await startServer(...setup);
  onTestFinished(() => server.stop());
  return server;
}

/** Reads `tenant/user/role` from the token; no token is nobody. */
export const fromToken: NodeOptions['authenticate'] = ({ token }) => {
  if (!token) return null;
  const [tenantId = '', userId = '', role] = token.split('/');
  return { userId, realm: { kind: 'tenant', tenantId }, roles: role ? [role] : [] };
};

function newClient(port: number, make: ClientMake, options: Partial<Options>): Centrifuge {
  const { version = Centrifuge, transport = 'websocket' } = make;
  const scheme = transport === 'websocket' ? 'ws' : 'http';
  const endpoint = `${scheme}://127.0.0.1:${port}/connection/${transport}`;
  return new version(transport === 'websocket' ? endpoint : [{ transport, endpoint }], {
    websocket: WebSocket,
    eventsource: EventSource,
    emulationEndpoint: `http://127.0.0.1:${port}/emulation`,
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

/** What a subscription was answered with, as it stands on the wire. */
export interface WireSubscription {
  expires?: boolean;
  ttl?: number;
  recoverable?: boolean;
  positioned?: boolean;
  epoch?: string;
  offset?: number;
  was_recovering?: boolean;
  recovered?: boolean;
  publications?: { data: unknown; offset?: number }[];
}

/** Who is meant, as it stands on the wire. */
interface WireInfo {
  user: string;
  client: string;
  conn_info?: unknown;
  chan_info?: unknown;
}

/** How long something lasts, as it stands on the wire. */
interface WireExpiry {
  expires?: boolean;
  ttl?: number;
}

/** One line from the server. */
export interface WireLine {
  id?: number;
  connect?: WireExpiry & {
    client: string;
    version: string;
    data: unknown;
    ping: number;
    pong: boolean;
    subs?: Record<string, WireSubscription>;
    session?: string;
    node?: string;
  };
  subscribe?: WireSubscription;
  unsubscribe?: object;
  publish?: object;
  presence?: { presence: Record<string, WireInfo> };
  presence_stats?: { num_clients: number; num_users: number };
  history?: {
    publications: { data: unknown; offset: number; info?: WireInfo }[];
    epoch: string;
    offset: number;
  };
  rpc?: { data?: unknown };
  refresh?: WireExpiry & { client: string };
  sub_refresh?: WireExpiry;
  error?: { code: number; message: string; temporary?: boolean };
  push?: {
    channel?: string;
    pub?: { data: unknown; offset?: number; info?: WireInfo };
    join?: { info: WireInfo };
    leave?: { info: WireInfo };
    subscribe?: WireSubscription;
    message?: { data: unknown };
    refresh?: WireExpiry;
    unsubscribe?: { code: number; reason: string };
    disconnect?: { code: number; reason: string };
  };
}

/** A client that speaks in literal lines, for what a stock client never says. */
export abstract class RawPeer {
  readonly frames: string[] = [];
  closeCode: number | null = null;
  readonly #waiting: (() => void)[] = [];

  /** Says these lines in one frame. */
  abstract send(...lines: unknown[]): void;

  /** Sends a command and resolves with its reply. */
  async ask(id: number, command: object): Promise<WireLine> {
    this.send({ id, ...command });
    return await this.reply(id);
  }

  /** All lines received so far, parsed. */
  get lines(): WireLine[] {
    return this.frames.flatMap((frame) => frame.split('\n')).map((line) => JSON.parse(line));
  }

  /** Data of the publications pushed so far. */
  get pushed(): unknown[] {
    return this.lines.flatMap(({ push }) => (push?.pub ? [push.pub.data] : []));
  }

  /** Resolves with the first line that fits. */
  async line(fits: (line: WireLine) => boolean): Promise<WireLine> {
    for (;;) {
      const found = this.lines.find(fits);
      if (found) return found;
      if (this.closeCode !== null) throw new Error(`closed with ${this.closeCode}`);
      await this.#change();
    }
  }

  async reply(id: number): Promise<WireLine> {
    return await this.line((line) => line.id === id);
  }

  /** Resolves with the first push of this data. */
  async publication(data: unknown): Promise<WireLine> {
    const text = JSON.stringify(data);
    return await this.line(({ push }) => JSON.stringify(push?.pub?.data) === text);
  }

  /** Resolves with the close code. */
  async closed(): Promise<number> {
    while (this.closeCode === null) await this.#change();
    return this.closeCode;
  }

  protected got(frame: string): void {
    this.frames.push(frame);
    this.#wake();
  }

  protected ended(code: number): void {
    this.closeCode = code;
    this.#wake();
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

/** What is sent as one frame. */
export function frameText(lines: readonly unknown[]): string {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  return text.join('\n');
}

/** A WebSocket that speaks in literal frames. */
export class RawClient extends RawPeer {
  readonly socket: WebSocket;

  constructor(url: string, options: { headers?: Record<string, string>; protocol?: string } = {}) {
    super();
    this.socket = new WebSocket(url, options.protocol, { headers: options.headers ?? {} });
    this.socket.on('message', (data: Buffer) => this.got(data.toString()));
    this.socket.on('close', (code) => this.ended(code));
    this.socket.on('error', () => {});
  }

  async open(): Promise<this> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open');
    return this;
  }

  /** From here on, pings are answered. */
  answerPings(): void {
    this.socket.on('message', (data: Buffer) => {
      if (data.toString().split('\n').includes('{}')) this.send({});
    });
  }

  /** Sends the connect command and resolves with its reply. */
  async connect(token: string, request: object = {}): Promise<NonNullable<WireLine['connect']>> {
    await this.open();
    const { connect } = await this.ask(1, { connect: { token, ...request } });
    if (!connect) throw new Error('the connect failed');
    return connect;
  }

  send(...lines: unknown[]): void {
    this.socket.send(frameText(lines));
  }
}

/** A client that has connected. */
export async function connected(
  server: TestServer,
  token: string,
  request: object = {},
): Promise<RawClient> {
  const client = new RawClient(server.url);
  await client.connect(token, request);
  return client;
}

/** Asks for an upgrade with exactly these headers; resolves with the answer. */
export async function upgrade(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Record<string, unknown> }> {
  const request = httpRequest(url.replace('ws:', 'http:'), {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: Record<string, unknown>;
  }>();
  request.on('upgrade', (response, socket) => {
    socket.destroy();
    resolve({ status: 101, headers: response.headers });
  });
  request.on('response', (response) => {
    response.destroy();
    resolve({ status: response.statusCode ?? 0, headers: response.headers });
  });
  request.on('error', reject);
  request.end();
  return await promise;
}

/** Notes every session of a server and what it was closed with. */
export function watchSessions() {
  const sessions: Session[] = [];
  const closes: { code: number; at: number }[] = [];
  class WatchedSession extends Session {
    override close(...[disconnect]: Parameters<Session['close']>): void {
      closes.push({ code: disconnect.code, at: performance.now() });
      super.close(disconnect);
    }
  }
  const createSession = (init: SessionInit) => {
    const session = new WatchedSession(init);
    sessions.push(session);
    return session;
  };
  return { sessions, closes, createSession };
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
