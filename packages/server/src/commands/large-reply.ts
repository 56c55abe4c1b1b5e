import { protocolErrors } from '../errors.ts';
import type { Line } from '../protocol/line.ts';
import type { Session } from '../session.ts';

/** What stands around the items of a reply, at most. */
const WRAPPER_BYTES = 256;

/** Bytes that the items of a large reply may have: what may be in one, and what the queue has space for. */
export function itemBytes({ node, replySpace }: Session): number {
  return Math.min(node.limits.maxRecoveryBytes, replySpace.now) - WRAPPER_BYTES;
}

/** The first of the items of a reply: no more than a `presence` may name, and than fit into it. */
export function firstFitting<T>(
  session: Session,
  items: readonly T[],
  textOf: (item: T) => string,
): readonly T[] {
  let bytes = itemBytes(session);
  const end = items.findIndex((item, index) => {
    bytes -= Buffer.byteLength(textOf(item)) + 1; // its comma
    return index >= session.node.limits.maxPresenceClients || bytes < 0;
  });
  return end < 0 ? items : items.slice(0, end);
}

/**
 * Writes a reply that may be large and is asked for as often as the client likes: it counts to its
 * tenant's bytes per second. Throws error 111 where they are used up.
 */
export function writeLarge(session: Session, reply: Line): void {
  borrow(session, reply.bytes);
  session.write(reply);
}

/** Throws error 111 where the tenant's bytes per second are used up: now, before something is done. */
export function refuseTooMany(session: Session): void {
  borrow(session, 0);
}

/** Writes the reply to what has been done: it counts as well, and is not refused any more. */
export function writeDone(session: Session, reply: Line): void {
  const { node, principal } = session;
  node.tenants.of(principal.realm).fanOut.charge(reply.bytes);
  session.write(reply);
}

function borrow(session: Session, bytes: number): void {
  const { node, principal } = session;
  if (node.tenants.of(principal.realm).fanOut.borrow(bytes)) return;
  node.exceeded('fanOutBytesPerSecond', { client: session.id });
  throw protocolErrors.tooManyRequests;
}
