import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FallbackPaths } from '@trunkline/contract';
import type { Refusal } from './admission.ts';
import { answer, refuse } from './answer.ts';
import { type Claims, claimPaths } from './claimed-paths.ts';
import {
  BAD_REQUEST,
  carriesToken,
  type DoorSetup,
  type Exchange,
  letIn,
  refuseOrigin,
} from './door.ts';
import { emulate } from './emulation.ts';
import { BodyReader } from './incoming-body.ts';
import { isAllowedRequest } from './origin.ts';
import { EVENTS, LINES } from './stream-transport.ts';
import { openAsked, openPosted } from './streams.ts';

/** Where a node's HTTP doors are. */
export type HttpPaths = Omit<FallbackPaths, 'sse'> & { readonly sse: string | false };

/** A way in over plain HTTP. */
interface HttpDoor {
  readonly methods: readonly string[];
  enter(exchange: Exchange): void | Promise<void>;
}

/**
 * Lets clients in that cannot open a WebSocket. Returns how to stop: streams that exist then go on, and
 * their commands come in until the last of them has ended.
 */
export function openHttpDoors(server: Server, setup: DoorSetup, paths: HttpPaths): () => void {
  const { node } = setup;
  const bodies = new BodyReader(setup);
  const streams = new Map<string, HttpDoor>([
    [paths.httpStream, { methods: ['POST'], enter: (asked) => openPosted(setup, asked, LINES) }],
  ]);
  if (paths.sse !== false) streams.set(paths.sse, eventsDoor(setup));
  const commands = new Map<string, HttpDoor>([
    [paths.emulation, { methods: ['POST'], enter: (asked) => emulate(node, bodies, asked) }],
  ]);
  const leave = claimPaths(server, claimsOf(setup, new Map([...streams, ...commands])));
  return () => {
    leave();
    if (node.emulated.size === 0) return;
    const leaveLast = claimPaths(server, claimsOf(setup, commands), { isLeaving: true });
    void node.emulated.emptied().then(leaveLast);
  };
}

function claimsOf(setup: DoorSetup, doors: ReadonlyMap<string, HttpDoor>): Claims {
  const claims = [...doors].map(([path, door]) => {
    const handler = (request: IncomingMessage, response: ServerResponse) =>
      void letIn(setup, request.socket, () => knock(setup, door, { request, response }));
    return [path, handler] as const;
  });
  return new Map(claims);
}

function eventsDoor(setup: DoorSetup): HttpDoor {
  const enter: HttpDoor['enter'] = (exchange) =>
    exchange.request.method === 'GET'
      ? openAsked(setup, exchange, EVENTS)
      : openPosted(setup, exchange, EVENTS);
  return { methods: ['GET', 'POST'], enter };
}

/** Whatever is wrong with a request is found before anything of it counts: its cookies would. */
function knock(setup: DoorSetup, door: HttpDoor, exchange: Exchange): void | Promise<void> {
  const { request, response } = exchange;
  response.setHeader('Vary', 'Origin');
  if (carriesToken(request)) return refuse(exchange, BAD_REQUEST);
  if (!isAllowedRequest(request.headers, setup.origins)) {
    return refuse(exchange, refuseOrigin(setup, request));
  }
  letPageRead(exchange);
  if (request.method === 'OPTIONS') return answer(response, 204, preflight(door, request));
  const refusal = refusalFor(door, request);
  if (refusal) return refuse(exchange, refusal);
  return door.enter(exchange);
}

function refusalFor({ methods }: HttpDoor, request: IncomingMessage): Refusal | null {
  const { method = '' } = request;
  if (!methods.includes(method)) return { status: 405, headers: { Allow: allowed(methods) } };
  if (method === 'POST' && !isJson(request)) return { status: 415 };
  if (method === 'GET' && hasBody(request)) return BAD_REQUEST; // nobody would read it
  return null;
}

function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers;
  return encoding !== undefined || Number(length) > 0;
}

// Any page's form can post text, and its browser asks nobody: JSON it has to ask for.
function isJson({ headers }: IncomingMessage): boolean {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  return /^application\/json\s*(;|$)/i.test(type) && encoding === 'identity';
}

/** A page of another origin may see the answer (protocol, section 2.5). */
function letPageRead({ request, response }: Exchange): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Allow-Credentials', 'true');
}

/** What the browser of such a page asks before. */
function preflight({ methods }: HttpDoor, { headers }: IncomingMessage): Record<string, string> {
  const wanted = headers['access-control-request-headers'];
  return {
    Allow: allowed(methods),
    'Access-Control-Allow-Methods': allowed(methods),
    'Access-Control-Max-Age': '300',
    ...(wanted === undefined ? {} : { 'Access-Control-Allow-Headers': wanted }),
  };
}

function allowed(methods: readonly string[]): string {
  return [...methods, 'OPTIONS'].join(', ');
}
