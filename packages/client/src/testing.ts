import { type EventMetadata, type Realm, tenantRealm } from '@trunkline/contract';

/** What a test server answers to a connect command: who it is, a close code, or an error. */
export type ConnectAnswer =
  | {
      readonly userId: string;
      readonly realm?: Realm;
      readonly channels?: readonly string[];
      /** Seconds that its token lasts. Default: it does not end. */
      readonly ttl?: number;
    }
  | { readonly close: number }
  | { readonly error: { code: number; message: string; temporary?: boolean } };

/** An event as a test writes it. */
export interface TestEvent {
  readonly type: string;
  readonly data?: unknown;
  readonly metadata?: EventMetadata;
  readonly id?: string;
  readonly origin?: string;
  readonly scope?: string;
}

/** How a test server sends. */
export interface SendOptions {
  /** Default: `@user`. */
  readonly channel?: string;
  /** As if another client had published it. */
  readonly fromClient?: boolean;
}

interface Command {
  readonly id?: number;
  readonly connect?: {
    readonly token?: string;
    readonly data?: unknown;
    readonly subs?: Record<string, { recover?: boolean; offset?: number; epoch?: string }>;
  };
  readonly rpc?: { readonly method: string };
  readonly refresh?: { readonly token: string };
}

const EVENT_SCOPES: Record<string, string> = { '@user': 'user', '@all': 'tenant' };

/**
 * A server in the page itself, for tests: it stands in for `WebSocket`, and for `fetch` where the HTTP
 * fallback asks, and speaks as much of the protocol as a page needs, with history and recovery.
 */
export class TestServer {
  /** Who connects next; change it at will. */
  answer: ConnectAnswer | ((connect: NonNullable<Command['connect']>) => ConnectAnswer);
  /** Refuses the network while false. */
  isUp = true;
  /** Lets no WebSocket open while true, as some proxies do; plain HTTP works. */
  blocksWebSockets = false;
  /** Hears nothing while true, though connections stay open. */
  isDeaf = false;
  /** Every connect command so far. */
  readonly connects: NonNullable<Command['connect']>[] = [];
  /** The tokens that came for connections which go on. */
  readonly refreshes: string[] = [];
  /** Every frame that clients have sent. */
  readonly frames: string[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #history = new Map<string, object[]>();
  readonly #realWebSocket: typeof WebSocket = globalThis.WebSocket;
  readonly #realFetch: typeof fetch = globalThis.fetch;
  readonly #epochs = new Map<string, number>();
  #ids = 0;

  constructor(answer: TestServer['answer']) {
    this.answer = answer;
    globalThis.WebSocket = TestSocket.bind(null, this) as unknown as typeof WebSocket;
    globalThis.fetch = async (input, init = {}) => {
      const path = /(http_stream|emulation)$/.exec(typeof input === 'string' ? input : '')?.[1];
      if (path === undefined) return await this.#realFetch(input, init);
      if (!this.isUp) throw new TypeError('fetch failed');
      return path === 'emulation' ? this.#emulate(init) : this.#open(init);
    };
  }

  /** Client ids of the open connections. */
  get clients(): string[] {
    return [...this.#sockets].map(({ clientId }) => clientId);
  }

  /** Gives the real `WebSocket` and `fetch` back and drops every connection. */
  restore(): void {
    globalThis.WebSocket = this.#realWebSocket;
    globalThis.fetch = this.#realFetch;
    this.drop();
  }

  /** Sends an event to every connection; who is away gets it by recovery. Returns its id. */
  send(event: TestEvent, { channel = '@user', fromClient = false }: SendOptions = {}): string {
    const id = event.id ?? `event-${++this.#ids}`;
    const scope = event.scope ?? EVENT_SCOPES[channel] ?? 'room';
    const history = this.#historyOf(channel);
    const info = fromClient ? { info: { client: 'another', user: 'another' } } : {};
    const data = { v: 1, ts: 0, scope, data: null, ...event, id };
    const publication = { data, offset: history.length + 1, ...info };
    history.push(publication);
    for (const socket of this.#sockets) socket.deliver({ push: { channel, pub: publication } });
    return id;
  }

  /** Closes every connection with a code; without one, the network has failed. */
  drop(code = 1006, reason = 'gone'): void {
    for (const socket of [...this.#sockets]) socket.shut(code, reason);
  }

  /** What was sent so far, in this channel or in all, cannot be recovered any more. */
  loseHistory(channel?: string): void {
    const channels = channel === undefined ? [...this.#history.keys()] : [channel];
    for (const name of channels) {
      this.#epochs.set(name, this.#epochOf(name) + 1);
      this.#history.delete(name);
    }
  }

  /** @internal */
  onOpen(socket: TestSocket): boolean {
    const opens = this.isUp && !this.blocksWebSockets;
    if (opens) this.#sockets.add(socket);
    return opens;
  }

  /** @internal */
  onClose(socket: Socket): void {
    this.#sockets.delete(socket);
  }

  /** @internal */
  onFrame(socket: Socket, frame: string): void {
    if (this.isDeaf) return;
    this.frames.push(frame);
    for (const line of frame.split('\n')) {
      const command = JSON.parse(line) as Command;
      if (command.connect) this.#onConnect(socket, command.id, command.connect);
      else if (command.refresh) this.#onRefresh(socket, command.id, command.refresh.token);
      else if (command.rpc) {
        socket.deliver({ id: command.id, error: { code: 108, message: 'not available' } });
      }
    }
  }

  #open({ body, signal }: RequestInit): Response {
    const stream = new TestStream(this, signal);
    this.#sockets.add(stream);
    queueMicrotask(() => this.onFrame(stream, body as string));
    return { ok: true, status: 200, body: stream.body } as unknown as Response;
  }

  #emulate({ body }: RequestInit): Response {
    const { session, data } = JSON.parse(body as string) as { session: string; data: string };
    const stream = [...this.#sockets].find((socket) => socket.session === session);
    if (stream) this.onFrame(stream, data);
    return { ok: stream !== undefined, status: stream ? 204 : 404 } as Response;
  }

  #onConnect(
    socket: Socket,
    id: number | undefined,
    connect: NonNullable<Command['connect']>,
  ): void {
    this.connects.push(connect);
    const answer = typeof this.answer === 'function' ? this.answer(connect) : this.answer;
    if ('close' in answer) socket.shut(answer.close, 'refused');
    else if ('error' in answer) socket.deliver({ id, error: answer.error });
    else {
      const { userId, realm = tenantRealm('acme'), channels = ['@user', '@all'], ttl } = answer;
      const subs = Object.fromEntries(
        channels.map((channel) => [channel, this.#subscription(channel, connect.subs?.[channel])]),
      );
      const data = { userId, realm };
      socket.deliver({
        id,
        connect: { client: socket.clientId, session: socket.session, data, subs, ...expiry(ttl) },
      });
    }
  }

  #onRefresh(socket: Socket, id: number | undefined, token: string): void {
    this.refreshes.push(token);
    const ttl = typeof this.answer === 'object' && 'userId' in this.answer ? this.answer.ttl : 0;
    socket.deliver({ id, refresh: { client: socket.clientId, ...expiry(ttl) } });
  }

  #subscription(
    channel: string,
    position: { recover?: boolean; offset?: number; epoch?: string } | undefined,
  ): object {
    const history = this.#historyOf(channel);
    const epoch = String(this.#epochOf(channel));
    const base = { recoverable: true, positioned: true, epoch, offset: history.length };
    if (!position?.recover) return base;
    const recovered = position.epoch === epoch;
    const publications = recovered ? history.slice(position.offset ?? 0) : [];
    return { ...base, was_recovering: true, recovered, publications };
  }

  #epochOf(channel: string): number {
    return this.#epochs.get(channel) ?? 1;
  }

  #historyOf(channel: string): object[] {
    const history = this.#history.get(channel) ?? [];
    this.#history.set(channel, history);
    return history;
  }
}

function expiry(ttl: number | undefined): object {
  return ttl ? { expires: true, ttl } : {};
}

/** A connection to a test server. */
interface Socket {
  readonly clientId: string;
  /** Its commands come by another way, with this. */
  readonly session?: string;
  deliver(reply: object): void;
  shut(code: number, reason: string): void;
}

/** The browser's end of a WebSocket to a test server. */
class TestSocket implements Socket {
  readonly clientId: string = `client-${Math.random()}`;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly #server: TestServer;
  #isOver = false;

  constructor(server: TestServer) {
    this.#server = server;
    queueMicrotask(() => {
      if (this.#isOver) return;
      if (server.onOpen(this)) this.onopen?.();
      else this.shut(1006, '');
    });
  }

  addEventListener(name: 'open' | 'close', listener: () => void): void {
    this[`on${name}`] = listener;
  }

  send(frame: string): void {
    if (!this.#isOver) queueMicrotask(() => this.#server.onFrame(this, frame));
  }

  close(): void {
    this.#isOver = true;
    this.#server.onClose(this);
  }

  deliver(reply: object): void {
    const data = JSON.stringify(reply);
    queueMicrotask(() => {
      if (!this.#isOver) this.onmessage?.({ data });
    });
  }

  shut(code: number, reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.onclose?.({ code, reason });
  }
}

/** A response that does not end. */
class TestStream implements Socket {
  readonly clientId: string = `client-${Math.random()}`;
  readonly session: string = `session-${Math.random()}`;
  readonly body: ReadableStream<Uint8Array>;
  readonly #server: TestServer;
  readonly #encoder = new TextEncoder();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOver = false;

  constructor(server: TestServer, signal: AbortSignal | null | undefined) {
    this.#server = server;
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    signal?.addEventListener('abort', () => this.#end());
  }

  deliver(reply: object): void {
    const line = this.#encoder.encode(`${JSON.stringify(reply)}\n`);
    queueMicrotask(() => {
      if (!this.#isOver) this.#controller.enqueue(line);
    });
  }

  shut(code: number, reason: string): void {
    if (this.#isOver) return;
    const line = `${JSON.stringify({ push: { disconnect: { code, reason } } })}\n`;
    if (code >= 3000) this.#controller.enqueue(this.#encoder.encode(line));
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#server.onClose(this);
    this.#controller.close();
  }
}
