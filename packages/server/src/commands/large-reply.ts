import { protocolErrors } from '../errors.ts';
import type { Line } from '../protocol/line.ts';
import type { Session } from '../session.ts';

/**
 * Writes a reply that may be large and is asked for as often as the client likes: it counts to its
 * tenant's bytes. Throws error 111 where they are used up, or the client's queue has no room.
 */
export function writeLarge(session: Session, reply: Line): void {
  const { node, outbox, principal } = session;
  if (reply.bytes > outbox.room) throw protocolErrors.tooManyRequests;
  if (!node.tenants.of(principal.realm).fanOut.borrow(reply.bytes)) {
    node.exceeded('fanOutBytesPerSecond', { client: session.id });
    throw protocolErrors.tooManyRequests;
  }
  session.write(reply);
}
