import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Refusal } from './admission.ts';
import type { AddressOf } from './client-address.ts';
import { describeError } from './log.ts';
import type { Node } from './node.ts';
import type { Handshake } from './principal.ts';
import type { Session, SessionInit } from './session.ts';

/** What every way into a node works with. */
export interface DoorSetup {
  readonly node: Node;
  /** Whose pages may come in besides the server's own. */
  readonly origins: readonly string[];
  readonly addressOf: AddressOf;
  readonly createSession: (init: SessionInit) => Session;
}

/** A request and the response to it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Not a request of this protocol. */
export const BAD_REQUEST: Refusal = { status: 400 };
const FORBIDDEN: Refusal = { status: 403 };
const MAX_LOGGED_ORIGIN = 200;

/**
 * Lets somebody in. What goes wrong with that, now or later, costs them their connection and nobody
 * else anything: out of here comes no error.
 */
export async function letIn(
  { node }: DoorSetup,
  socket: Duplex,
  enter: () => void | Promise<void>,
): Promise<void> {
  try {
    await enter();
  } catch (error) {
    node.log.error('request_failed', { error: describeError(error) });
    socket.on('error', () => {});
    socket.destroy();
  }
}

/** The path that is asked for, without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

/** What is asked for behind the path. */
export function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.split('?').slice(1).join('?'));
}

/** A URL ends up in logs and histories: a token belongs into the connect command. */
export function carriesToken(request: IncomingMessage): boolean {
  const query = queryOf(request);
  return ['token', 'access_token', 'jwt'].some((name) => query.has(name));
}

/** Keeps a page of a foreign origin out, and lets somebody see that it was there. */
export function refuseOrigin({ node, addressOf }: DoorSetup, request: IncomingMessage): Refusal {
  const origin = String(request.headers.origin).slice(0, MAX_LOGGED_ORIGIN);
  node.counters.count('originsRejected');
  node.refused('origin_rejected', { origin });
  node.audit({
    action: 'origin-rejected',
    outcome: 'denied',
    address: addressOf(request),
    details: { origin },
  });
  return FORBIDDEN;
}

/** Is there room for one more connection? `null`: yes. Counts the limit that says no. */
export function admit({ node, addressOf }: DoorSetup, request: IncomingMessage): Refusal | null {
  const refusal = node.admission.refusalFor(addressOf(request));
  if (refusal?.limit) node.exceeded(refusal.limit);
  return refusal;
}

/** What the app is asked with: who is this? */
export function handshakeOf({ addressOf }: DoorSetup, request: IncomingMessage): Handshake {
  return {
    headers: request.headers,
    url: request.url ?? '/',
    remoteAddress: addressOf(request),
  };
}
