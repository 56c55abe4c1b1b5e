import {
  type EventMetadata,
  PRESENCE_CALL,
  type Realm,
  TYPING_CALL,
  TYPING_EVENT,
  tenantRealm,
} from '@trunkline/contract';
import { CallError } from './call.ts';
import { type Session, TestSessions } from './test-sessions.ts';
import { type Socket, TestSocket, TestStream } from './test-sockets.ts';
import { type Position, TestStreams } from './test-streams.ts';

export { type TestOperationStart, TestOperations } from './test-operations.ts';

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
  /** The user whose client says it. */
  readonly sender?: string;
}

/** How a test server sends. */
export interface SendOptions {
  /** Default: `@user`. */
  readonly channel?: string;
  /** As if another client had published it. */
  readonly fromClient?: boolean;
  /** To those who are there now; it is not kept. */
  readonly volatile?: boolean;
}

/** Answers one of the page's calls; a `CallError` that it throws is its error. */
export type TestCall = (
  // oxlint-disable-next-line typescript/no-explicit-any -- a test knows what its page sends
  data: any,
  caller: { readonly userId: string; readonly clientId: string },
) => unknown;

interface Command {
  readonly id?: number;
  readonly connect?: {
    readonly token?: string;
    readonly data?: unknown;
    readonly subs?: Record<string, Position>;
  };
  readonly subscribe?: Position & { readonly channel: string };
  readonly unsubscribe?: { readonly channel: string };
  readonly publish?: { readonly channel: string; readonly data: TestEvent };
  readonly rpc?: { readonly method: string; readonly data?: unknown };
  readonly refresh?: { readonly token: string };
}

const EVENT_SCOPES: Record<string, string> = { '@user': 'user', '@all': 'tenant' };
const DENIED = new CallError(103, 'permission denied');
const ALREADY_SUBSCRIBED = new CallError(105, 'already subscribed');

/**
 * A server in the page itself, for tests: it stands in for `WebSocket`, and for `fetch` where the HTTP
 * fallback asks, and speaks as much of the protocol as a page needs: history and recovery, rooms with
 * presence and typing, calls.
 */
export class TestServer {
  /** Who connects next; change it at will. */
  answer: ConnectAnswer | ((connect: NonNullable<Command['connect']>) => ConnectAnswer);
  /** May the page enter this room on its own wish? Default: none. */
  mayEnter: (room: string) => boolean = () => false;
  /** May the page publish in this room itself? Default: in none. */
  mayPublish: (room: string) => boolean = () => false;
  /** Answers calls, by method. */
  calls: Record<string, TestCall> = {};
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
  readonly #sessions = new TestSessions();
  readonly #streams = new TestStreams();
  /** Where every connection is put in. */
  readonly #rooms = new Set<string>();
  readonly #realWebSocket: typeof WebSocket = globalThis.WebSocket;
  readonly #realFetch: typeof fetch = globalThis.fetch;
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

  /** Sends an event to everybody in a channel; who is away gets it by recovery. Returns its id. */
  send(event: TestEvent, options: SendOptions = {}): string {
    const info = options.fromClient ? { info: { client: 'another', user: 'another' } } : {};
    return this.#publish(event, options, info);
  }

  /** Puts every connection into a room, and those to come. */
  joinRoom(room: string): void {
    this.#rooms.add(room);
    for (const session of this.#sessions.all()) {
      if (session.channels.has(room)) continue;
      const push = { channel: room, subscribe: this.#streams.begin(room) };
      this.#sessions.subscribe(session, room, 'server', () => session.socket.deliver({ push }));
    }
  }

  /** Takes every connection out of a room, however it came in. */
  leaveRoom(room: string): void {
    this.#rooms.delete(room);
    const unsubscribe = { code: 2000, reason: 'server unsubscribe' };
    this.#sessions.push(room, { unsubscribe });
    for (const session of this.#sessions.all()) this.#sessions.unsubscribe(session, room);
  }

  /** Somebody else comes into a room; returns the client id to `leave` with. */
  join(room: string, userId: string, info?: unknown): string {
    const clientId = `visitor-${++this.#ids}`;
    this.#sessions.join(room, { userId, clientId, info });
    return clientId;
  }

  /** And leaves it. */
  leave(room: string, clientId: string): void {
    this.#sessions.leave(room, clientId);
  }

  /** Closes every connection with a code; without one, the network has failed. */
  drop(code = 1006, reason = 'gone'): void {
    for (const socket of [...this.#sockets]) socket.shut(code, reason);
  }

  /** What was sent so far, in this channel or in all, cannot be recovered any more. */
  loseHistory(channel?: string): void {
    this.#streams.lose(channel);
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
    this.#sessions.remove(socket);
  }

  /** @internal */
  onFrame(socket: Socket, frame: string): void {
    if (this.isDeaf) return;
    this.frames.push(frame);
    for (const line of frame.split('\n')) this.#onCommand(socket, JSON.parse(line) as Command);
  }

  #onCommand(socket: Socket, command: Command): void {
    const { id, connect } = command;
    const session = this.#sessions.of(socket);
    const reply: Reply = (result) => socket.deliver({ id, ...result });
    if (connect) this.#onConnect(socket, reply, connect);
    else if (!session)
      return; // not let in
    else if (command.refresh) this.#onRefresh(session, reply, command.refresh.token);
    else if (command.subscribe) this.#onSubscribe(session, reply, command.subscribe);
    else if (command.unsubscribe) this.#onUnsubscribe(session, reply, command.unsubscribe.channel);
    else if (command.publish) this.#onPublish(session, reply, command.publish);
    else if (command.rpc) void this.#onCall(session, reply, command.rpc);
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

  #onConnect(socket: Socket, reply: Reply, connect: NonNullable<Command['connect']>): void {
    this.connects.push(connect);
    const answer = typeof this.answer === 'function' ? this.answer(connect) : this.answer;
    if ('close' in answer) socket.shut(answer.close, 'refused');
    else if ('error' in answer) reply({ error: answer.error });
    else {
      const { userId, realm = tenantRealm('acme'), channels = ['@user', '@all'], ttl } = answer;
      const all = [...new Set([...channels, ...this.#rooms])];
      const subs = all.map((channel): [string, object] => [
        channel,
        this.#streams.begin(channel, connect.subs?.[channel]),
      ]);
      const { clientId: client, session: key } = socket;
      const data = { userId, realm };
      const welcome = {
        client,
        session: key,
        data,
        subs: Object.fromEntries(subs),
        ...expiry(ttl),
      };
      const session = this.#sessions.add(socket, userId);
      reply({ connect: welcome });
      for (const channel of all) this.#sessions.subscribe(session, channel, 'server', () => {});
    }
  }

  #onRefresh({ socket }: Session, reply: Reply, token: string): void {
    this.refreshes.push(token);
    const ttl = typeof this.answer === 'object' && 'userId' in this.answer ? this.answer.ttl : 0;
    reply({ refresh: { client: socket.clientId, ...expiry(ttl) } });
  }

  #onSubscribe(
    session: Session,
    reply: Reply,
    { channel, ...position }: NonNullable<Command['subscribe']>,
  ): void {
    if (session.channels.has(channel)) reply(failure(ALREADY_SUBSCRIBED));
    else if (!this.mayEnter(channel)) reply(failure(DENIED));
    else {
      const subscribe = this.#streams.begin(channel, position);
      this.#sessions.subscribe(session, channel, 'client', () => reply({ subscribe }));
    }
  }

  #onUnsubscribe(session: Session, reply: Reply, channel: string): void {
    if (session.channels.get(channel) === 'client') this.#sessions.unsubscribe(session, channel);
    reply({ unsubscribe: {} });
  }

  #onPublish(session: Session, reply: Reply, { channel, data }: NonNullable<Command['publish']>) {
    if (!session.channels.has(channel) || !this.mayPublish(channel)) {
      reply(failure(DENIED));
      return;
    }
    const { userId: user, socket } = session;
    const info = { client: socket.clientId, user };
    this.#publish({ ...data, sender: user }, { channel }, { info });
    reply({ publish: {} });
  }

  async #onCall(
    session: Session,
    reply: Reply,
    { method, data }: NonNullable<Command['rpc']>,
  ): Promise<void> {
    const { userId, socket } = session;
    const call = this.calls[method] ?? this.#ownCall(session, method);
    try {
      if (!call) throw new CallError(104, 'method not found');
      reply({ rpc: { data: await call(data, { userId, clientId: socket.clientId }) } });
    } catch (error) {
      const isMeant = error instanceof CallError;
      if (!isMeant) console.error('[trunkline] A call of the test server has failed', error);
      reply(failure(isMeant ? error : new CallError(100, 'internal server error')));
    }
  }

  /** The calls that a server has without an app's doing. */
  #ownCall(session: Session, method: string): TestCall | undefined {
    if (method === PRESENCE_CALL) return ({ room }) => this.#sessions.members(room);
    if (method !== TYPING_CALL) return undefined;
    return ({ room, isTyping }) => {
      if (!session.channels.has(room)) throw DENIED;
      const { userId } = session;
      const signal = { type: TYPING_EVENT, data: { userId, isTyping }, sender: userId };
      this.#publish(signal, { channel: room, volatile: true });
      return {};
    };
  }

  #publish(
    event: TestEvent,
    { channel = '@user', volatile = false }: SendOptions,
    by: { info?: object } = {},
  ): string {
    const id = event.id ?? `event-${++this.#ids}`;
    const scope = event.scope ?? EVENT_SCOPES[channel] ?? 'room';
    const room = scope === 'room' ? { room: channel } : {};
    const data = { v: 1, ts: 0, scope, ...room, data: null, ...event, id };
    const said = { data, ...by };
    const pub = volatile ? said : this.#streams.append(channel, said);
    this.#sessions.push(channel, { pub });
    return id;
  }
}

type Reply = (result: object) => void;

function failure({ code, message }: CallError): object {
  return { error: { code, message } };
}

function expiry(ttl: number | undefined): object {
  return ttl ? { expires: true, ttl } : {};
}
