import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import type { Refusal } from './admission.ts';
import { type AddressOf, addressBehind } from './client-address.ts';
import type { LimitName } from './counters.ts';
import { disconnects } from './errors.ts';
import type { Node } from './node.ts';
import { ANY_ORIGIN, isAllowedOrigin } from './origin.ts';
import type { Handshake } from './principal.ts';
import { Session, type SessionInit } from './session.ts';
import { CLOSE_GRACE_MS, WebSocketTransport } from './transport.ts';

/** Pieces in which one message may arrive; a client that needs more is no client. */
const MAX_BUFFERED_CHUNKS = 1024;
const MAX_LOGGED_ORIGIN = 200;

/** How a node is attached to an HTTP server. */
export interface AttachOptions {
  /** Where clients connect. Default `/connection/websocket`. */
  path?: string;
  /**
   * Origins that may connect besides the server's own, e.g. `https://app.example.com`. `*` lets every
   * page in, and must stand alone: only for servers whose clients bring tokens, never cookies.
   */
  origins?: readonly string[];
  /** Addresses or networks of proxies whose `X-Forwarded-For` counts. Default: none. */
  trustedProxies?: readonly string[];
}

/** A node's door on an HTTP server. */
export interface Door {
  /** Takes the door off: new upgrades are no longer ours. Connections that exist stay. */
  detach(): void;
}

/** The paths of a server's doors, by their upgrade listeners. */
type Doors = Map<UpgradeListener, string>;
type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const doorsOf = new WeakMap<Server, Doors>();

/** Lets WebSocket clients in through an HTTP server. Upgrades of other paths are left alone. */
export function attach(server: Server, node: Node, options: AttachOptions = {}): Door {
  return attachWith(server, node, options, (init) => new Session(init));
}

/** As `attach`, with sessions of another make. */
export function attachWith(
  server: Server,
  node: Node,
  options: AttachOptions,
  createSession: (init: SessionInit) => Session,
): Door {
  const { path = '/connection/websocket', origins = [], trustedProxies = [] } = options;
  const door: DoorSetup = {
    node,
    origins: checkOrigins(origins),
    addressOf: addressBehind(trustedProxies),
    sockets: newSocketServer(node),
    createSession,
  };
  const doors: Doors = doorsOf.get(server) ?? new Map();
  doorsOf.set(server, doors);

  const onUpgrade: UpgradeListener = (request, socket, head) => {
    if (pathOf(request) !== path) return refuseUnknown(server, doors, request, socket);
    const refusal = refusalFor(request, door);
    if (refusal) return refuse(socket, refusal);
    open(door, request, socket, head);
  };
  doors.set(onUpgrade, path);
  server.on('upgrade', onUpgrade);
  return {
    detach: () => {
      doors.delete(onUpgrade);
      server.off('upgrade', onUpgrade);
    },
  };
}

/** What one door works with. */
interface DoorSetup {
  readonly node: Node;
  readonly origins: readonly string[];
  readonly addressOf: AddressOf;
  readonly sockets: WebSocketServer;
  readonly createSession: (init: SessionInit) => Session;
}

const BAD_REQUEST: Refusal = { status: '400 Bad Request', headers: [] };
const FORBIDDEN: Refusal = { status: '403 Forbidden', headers: [] };

/** `null`: come in. What costs nothing is asked first. */
function refusalFor(request: IncomingMessage, door: DoorSetup): Refusal | null {
  const { node, origins, addressOf } = door;
  if (carriesToken(request) || !speaksJson(request)) return BAD_REQUEST;
  if (!isAllowedOrigin(request.headers, origins)) {
    const origin = String(request.headers.origin).slice(0, MAX_LOGGED_ORIGIN);
    node.counters.count('originsRejected');
    node.refused('origin_rejected', { origin });
    return FORBIDDEN;
  }
  const refusal = node.admission.refusalFor(addressOf(request));
  if (refusal?.limit) node.exceeded(refusal.limit);
  return refusal;
}

/** Makes the handshake, and a session that hears its socket. */
function open(door: DoorSetup, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { node, sockets, addressOf, createSession } = door;
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    // Node's HTTP server gives upgrades the TCP socket itself; the types leave room for others.
    const transport = new WebSocketTransport(webSocket, socket as Socket);
    const handshake = handshakeOf(request, addressOf);
    bind(webSocket, createSession({ node, transport, handshake }));
  });
}

/** Does every page that may bring cookies have a name? */
function checkOrigins(origins: readonly string[]): readonly string[] {
  if (origins.includes(ANY_ORIGIN) && origins.length > 1) {
    throw new TypeError("origins is a list of origins or ['*'] alone, got both");
  }
  return origins;
}

/** Only JSON is spoken here. An empty header offers nothing; ws would answer 400 to it. */
function speaksJson({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol'];
  if (offered === '') delete headers['sec-websocket-protocol'];
  const names = offered?.split(',').map((name) => name.trim()) ?? [];
  return !names.includes('centrifuge-protobuf') || names.includes('centrifuge-json');
}

/** A URL ends up in logs and histories: a token belongs into the connect command. */
function carriesToken({ url = '/' }: IncomingMessage): boolean {
  const query = new URLSearchParams(url.split('?').slice(1).join('?'));
  return ['token', 'access_token', 'jwt'].some((name) => query.has(name));
}

function newSocketServer({ limits }: Node): WebSocketServer {
  // The types do not know `closeTimeout`: how long a peer may keep a socket that it has closed.
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxMessageBytes,
    maxFragments: limits.maxFragments,
    maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    closeTimeout: CLOSE_GRACE_MS,
    handleProtocols: (offered) => (offered.has('centrifuge-json') ? 'centrifuge-json' : false),
  };
  return new WebSocketServer(options);
}

/** What ws refuses by itself, by its error's code. */
const SOCKET_LIMITS: Readonly<Record<string, LimitName>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'maxMessageBytes',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'maxFragments',
};

function bind(socket: WebSocket, session: Session): void {
  const { node } = session;
  socket.on('message', (data) => {
    const frame = decodeUtf8(data); // sloppy clients send their JSON in binary frames
    if (frame === null) session.close(disconnects.badRequest);
    else session.receive(frame);
  });
  socket.on('ping', () => session.pinged());
  socket.on('close', () => session.closed());
  // ws has already said why with the fitting code. A peer that then keeps its end open would stay
  // a member of its channels until `close`.
  socket.on('error', (error: Error & { code?: string }) => {
    const limit = SOCKET_LIMITS[error.code ?? ''];
    if (limit) node.exceeded(limit, { client: session.id });
    session.close(disconnects.connectionClosed);
  });
}

function handshakeOf(request: IncomingMessage, addressOf: AddressOf): Handshake {
  return {
    headers: request.headers,
    url: request.url ?? '/',
    remoteAddress: addressOf(request),
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

// Another listener may own the path. When all are doors of ours, an unanswered upgrade would hang;
// each of them gets here, the first one answers.
function refuseUnknown(
  server: Server,
  doors: Doors,
  request: IncomingMessage,
  socket: Duplex,
): void {
  const isOurs = [...doors.values()].includes(pathOf(request));
  if (isOurs || server.listenerCount('upgrade') > doors.size || socket.writableEnded) return;
  refuse(socket, { status: '404 Not Found', headers: [] });
}

function refuse(socket: Duplex, { status, headers }: Refusal): void {
  socket.on('error', () => {});
  const lines = [`HTTP/1.1 ${status}`, 'Connection: close', 'Content-Length: 0', ...headers];
  socket.end(`${lines.join('\r\n')}\r\n\r\n`, () => socket.destroy());
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(data: RawData): string | null {
  try {
    const bytes = Array.isArray(data) ? Buffer.concat(data) : data;
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
