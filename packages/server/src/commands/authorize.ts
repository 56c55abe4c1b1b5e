import { isReservedRoom, isRoom } from '@trunkline/contract';
import { protocolErrors } from '../errors.ts';
import type { RoomGrant, RoomRequest, RoomRule } from '../rooms.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';

/** What a client brought along to be let in. */
type Credentials = Pick<RoomRequest, 'token' | 'data'>;

/** Is this a name that a client may ask for? The server's own spellings are not. */
export function requireRoom(room: string): void {
  if (room.startsWith('@') || isReservedRoom(room)) throw protocolErrors.permissionDenied;
  if (!isRoom(room)) throw protocolErrors.badRequest;
}

/**
 * The one door to a room, whatever a client wants of it: asks the room's rule. No rule, no entry;
 * forbidden and absent are answered alike.
 */
export async function authorize(
  session: Session,
  room: string,
  { token, data }: Credentials,
  time: TimeBudget,
): Promise<RoomGrant> {
  const rule = session.node.rooms.ruleOf(room);
  if (!rule?.authorize) throw protocolErrors.permissionDenied;
  const request: RoomRequest = {
    clientId: session.id,
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
  const { principal } = session;
  const call = () => rule.authorize?.(principal, room, request) ?? false;
  const answer: unknown = await session.hook('authorize', time, call);
  if (!isGrant(answer)) throw protocolErrors.permissionDenied;
  if ((answer.expiresAt ?? Infinity) <= Date.now()) throw protocolErrors.tokenExpired;
  return answer;
}

/**
 * The rule of a room that this client may read: as a subscriber, or because the rule would let it in.
 * What the rule then says of history or presence is a matter of the room, not of the client.
 */
export async function requireReader(
  session: Session,
  room: string,
  time: TimeBudget,
): Promise<RoomRule> {
  requireRoom(room);
  const subscription = session.subscriptions.get(room);
  if (subscription?.isOver) throw protocolErrors.tokenExpired;
  if (!subscription) await authorize(session, room, {}, time);
  return session.node.rooms.ruleOf(room) ?? {};
}

// Only `true` or a grant opens the door: a hook that forgets to answer has not said yes.
function isGrant(answer: unknown): answer is RoomGrant {
  if (answer === true) return true;
  if (typeof answer !== 'object' || answer === null) return false;
  const { expiresAt } = answer as RoomGrant;
  return expiresAt === undefined || Number.isFinite(expiresAt);
}
