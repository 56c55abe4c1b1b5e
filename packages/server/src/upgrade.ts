import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { Refusal } from './admission.ts';
import type { LimitName } from './counters.ts';
import {
  admit,
  BAD_REQUEST,
  carriesToken,
  type DoorSetup,
  handshakeOf,
  letIn,
  pathOf,
  refuseOrigin,
} from './door.ts';
import { disconnects } from './errors.ts';
import type { Node } from './node.ts';
import { isAllowedOrigin } from './origin.ts';
import { decodeUtf8 } from './protocol/utf8.ts';
import type { Session } from './session.ts';
import { CLOSE_GRACE_MS, WebSocketTransport } from './transport.ts';

/** Pieces in which one message may arrive; a client that needs more is no client. */
const MAX_BUFFERED_CHUNKS = 1024;

/** The paths of a server's doors, by their upgrade listeners. */
type Doors = Map<UpgradeListener, string>;
type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const doorsOf = new WeakMap<Server, Doors>();

/** Lets WebSocket clients in. Upgrades of other paths are left alone. Returns how to stop. */
export function openUpgradeDoor(server: Server, setup: DoorSetup, path: string): () => void {
  const sockets = newSocketServer(setup.node);
  const doors: Doors = doorsOf.get(server) ?? new Map();
  doorsOf.set(server, doors);

  const onUpgrade: UpgradeListener = (request, socket, head) => {
    if (pathOf(request) !== path) return refuseUnknown(server, doors, request, socket);
    void letIn(setup, socket, () => enter(setup, sockets, { request, socket, head }));
  };
  doors.set(onUpgrade, path);
  server.on('upgrade', onUpgrade);
  return () => {
    doors.delete(onUpgrade);
    server.off('upgrade', onUpgrade);
  };
}

/** `null`: come in. What costs nothing is asked first. */
function refusalFor(request: IncomingMessage, setup: DoorSetup): Refusal | null {
  if (carriesToken(request) || !speaksJson(request)) return BAD_REQUEST;
  if (!isAllowedOrigin(request.headers, setup.origins)) return refuseOrigin(setup, request);
  return admit(setup, request);
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

function enter(setup: DoorSetup, sockets: WebSocketServer, upgrade: Upgrade): void {
  const refusal = refusalFor(upgrade.request, setup);
  if (refusal) refuseUpgrade(upgrade.socket, refusal);
  else open(setup, sockets, upgrade);
}

/** Makes the handshake, and a session that hears its socket. */
function open(setup: DoorSetup, sockets: WebSocketServer, upgrade: Upgrade): void {
  const { request, socket, head } = upgrade;
  const { node, createSession } = setup;
  sockets.handleUpgrade(request, socket, head, (webSocket) => {
    // Node's HTTP server gives upgrades the TCP socket itself; the types leave room for others.
    const transport = new WebSocketTransport(webSocket, socket as Socket);
    const session = createSession({ node, transport, handshake: handshakeOf(setup, request) });
    if (webSocket instanceof SessionSocket) webSocket.hear(session);
  });
}

/** Only JSON is spoken here. An empty header offers nothing; ws would answer 400 to it. */
function speaksJson({ headers }: IncomingMessage): boolean {
  const offered = headers['sec-websocket-protocol'];
  if (offered === '') delete headers['sec-websocket-protocol'];
  const names = offered?.split(',').map((name) => name.trim()) ?? [];
  return !names.includes('centrifuge-protobuf') || names.includes('centrifuge-json');
}

function newSocketServer({ limits }: Node): WebSocketServer {
  // The types do not know `closeTimeout`: how long a peer may keep a socket that it has closed.
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    WebSocket: SessionSocket,
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

/** A WebSocket that knows its session: its listeners are shared by all, as there are many of them. */
class SessionSocket extends WebSocket {
  session: Session | null = null;

  hear(session: Session): void {
    this.session = session;
    this.on('message', onMessage);
    this.on('ping', onPing);
    this.on('close', onClose);
    this.on('error', onError);
  }
}

const sessionOf = (socket: WebSocket) => (socket as SessionSocket).session;

function onMessage(this: WebSocket, data: RawData): void {
  const frame = decode(data); // sloppy clients send their JSON in binary frames
  if (frame === null) sessionOf(this)?.close(disconnects.badRequest);
  else sessionOf(this)?.receive(frame);
}

function onPing(this: WebSocket): void {
  sessionOf(this)?.pinged();
}

function onClose(this: WebSocket): void {
  sessionOf(this)?.closed();
}

// ws has already said why with the fitting code. A peer that then keeps its end open would stay a
// member of its channels until `close`.
function onError(this: WebSocket, error: Error & { code?: string }): void {
  const limit = SOCKET_LIMITS[error.code ?? ''];
  if (limit) sessionOf(this)?.exceeded(limit);
  sessionOf(this)?.close(disconnects.connectionClosed);
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
  refuseUpgrade(socket, { status: 404 });
}

function refuseUpgrade(socket: Duplex, { status, headers = {} }: Refusal): void {
  socket.on('error', () => {});
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Length: 0',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n`, () => socket.destroy());
}

function decode(data: RawData): string | null {
  return decodeUtf8(Array.isArray(data) ? Buffer.concat(data) : data);
}
