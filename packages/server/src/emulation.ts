import { BUSY } from './admission.ts';
import { answer, refuse } from './answer.ts';
import { BAD_REQUEST, type Exchange } from './door.ts';
import type { EmulatedFrame } from './emulated-sessions.ts';
import type { BodyReader } from './incoming-body.ts';
import type { Node } from './node.ts';
import { fieldsOf, parseJson } from './protocol/json.ts';

/**
 * Takes commands that cannot come on the connection itself, for sessions of any node. Whoever knows the
 * session's key speaks for it; nothing else about the request counts, whatever cookies it brings. What
 * comes for one session in several requests is carried out in the order in which they are complete:
 * nothing in them says another (protocol, section 2.4).
 */
export async function emulate(node: Node, bodies: BodyReader, exchange: Exchange): Promise<void> {
  const body = await bodies.read(exchange.request);
  if (body === 'gone') return;
  if ('refusal' in body) return refuse(exchange, body.refusal);
  const frame = parse(body.text);
  if (!frame) return answer(exchange.response, BAD_REQUEST.status);
  // The session answers on its stream, whatever it thinks of what it is handed.
  const fate = await node.emulated.hand(frame);
  if (fate === 'unanswered') return refuse(exchange, BUSY); // its client comes back
  answer(exchange.response, fate === 'taken' ? TAKEN : UNKNOWN);
}

const TAKEN = 204;
const UNKNOWN = 404;

function parse(text: string | null): EmulatedFrame | null {
  const { session, node, data } = fieldsOf(text === null ? null : parseJson(text));
  const isComplete = isText(session) && isText(node) && isText(data);
  return isComplete ? { session, node, data } : null;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
