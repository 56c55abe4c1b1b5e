import type { IncomingMessage } from 'node:http';
import { refuse } from './answer.ts';
import { admit, BAD_REQUEST, type DoorSetup, type Exchange, handshakeOf, queryOf } from './door.ts';
import { disconnects } from './errors.ts';
import { IncomingBody } from './incoming-body.ts';
import type { Node } from './node.ts';
import type { Handshake } from './principal.ts';
import { decodeFrame } from './protocol/command.ts';
import type { Session } from './session.ts';
import { type StreamForm, StreamTransport } from './stream-transport.ts';

/** The parameter that holds an `EventSource`'s connect command. */
const CONNECT = 'cf_connect';

/** Makes a session of a POST, whose body is the client's first frame. */
export async function openPosted(
  setup: DoorSetup,
  exchange: Exchange,
  form: StreamForm,
): Promise<void> {
  // A stranger like others while its body comes: counted, and late after the same time.
  const stream = open(setup, exchange, form);
  if (!stream) return;
  const { session, transport } = stream;
  const body = await new IncomingBody(exchange.request, setup.node).outcome;
  if (body === 'gone' || exchange.response.headersSent) return;
  if ('refusal' in body) {
    session.closed();
    return refuse(exchange, body.refusal);
  }
  transport.open();
  if (body.text === null) session.close(disconnects.badRequest);
  else session.receive(body.text);
}

/** Makes a session of a GET, whose query holds the connect command and nothing else. */
export function openAsked(setup: DoorSetup, exchange: Exchange, form: StreamForm): void {
  const command = connectCommand(setup.node, exchange.request);
  if (command === null) return refuse(exchange, BAD_REQUEST);
  const stream = open(setup, exchange, form);
  if (!stream) return;
  stream.transport.open();
  stream.session.receive(command);
}

interface Stream {
  readonly session: Session;
  readonly transport: StreamTransport;
}

/** `null`: it has been refused. */
function open(setup: DoorSetup, exchange: Exchange, form: StreamForm): Stream | null {
  const { node, createSession } = setup;
  const { request, response } = exchange;
  // Behind another response on the same socket (pipelining) it could not begin before that one ends.
  const refusal = response.socket ? admit(setup, request) : BAD_REQUEST;
  if (refusal) {
    refuse(exchange, refusal);
    return null;
  }
  const sessionKey = node.emulated.newKey();
  const onEnd = () => node.emulated.remove(sessionKey);
  const { socket } = request;
  const transport = new StreamTransport({ response, socket, form, sessionKey, onEnd });
  const session = createSession({ node, transport, handshake: withoutConnect(setup, request) });
  node.emulated.add(sessionKey, session);
  response.on('close', () => {
    onEnd();
    session.closed();
  });
  return { session, transport };
}

/** The connect command holds secrets, and is no part of where a client connects. */
function withoutConnect(setup: DoorSetup, request: IncomingMessage): Handshake {
  const handshake = handshakeOf(setup, request);
  const query = queryOf(request);
  if (!query.has(CONNECT)) return handshake;
  query.delete(CONNECT);
  const rest = query.size > 0 ? `?${query.toString()}` : '';
  return { ...handshake, url: `${handshake.url.split('?', 1)[0]}${rest}` };
}

/** `null`: there is none, or something else. */
function connectCommand(node: Node, request: IncomingMessage): string | null {
  const [frame, ...others] = queryOf(request).getAll(CONNECT);
  if (frame === undefined || others.length > 0) return null;
  try {
    const onExceeded = node.exceeded.bind(node);
    const commands = decodeFrame(frame, { limits: node.limits, onExceeded });
    return commands.every(({ command }) => command.method === 'connect') && commands.length === 1
      ? frame
      : null;
  } catch {
    return null;
  }
}
