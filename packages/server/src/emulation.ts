import { answer, refuse } from './answer.ts';
import { BAD_REQUEST, type Exchange } from './door.ts';
import type { BodyReader } from './incoming-body.ts';
import type { Node } from './node.ts';

/**
 * Takes commands that cannot come on the connection itself. Whoever knows the session's key speaks for
 * it; nothing else about the request counts, whatever cookies it brings. What comes for one session in
 * several requests is carried out in the order in which they are complete: nothing in them says another
 * (protocol, section 2.4).
 */
export async function emulate(node: Node, bodies: BodyReader, exchange: Exchange): Promise<void> {
  const body = await bodies.read(exchange.request);
  if (body === 'gone') return;
  if ('refusal' in body) refuse(exchange, body.refusal);
  else answer(exchange.response, statusOf(node, body.text));
}

const TAKEN = 204;
const BAD = BAD_REQUEST.status;
const UNKNOWN = 404;

/** Hands the commands over. The session answers on its stream, whatever it thinks of them. */
function statusOf(node: Node, text: string | null): number {
  const message = parse(text);
  if (!message) return BAD;
  const session = message.node === node.id ? node.emulated.find(message.session) : undefined;
  if (!session) return UNKNOWN;
  session.receive(message.data);
  return TAKEN;
}

interface EmulationRequest {
  readonly session: string;
  readonly node: string;
  readonly data: string;
}

function parse(text: string | null): EmulationRequest | null {
  const value = text === null ? null : parseJson(text);
  if (typeof value !== 'object' || value === null) return null;
  const { session, node, data } = value as Record<string, unknown>;
  const isComplete = [session, node, data].every((field) => typeof field === 'string');
  return isComplete ? (value as EmulationRequest) : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
