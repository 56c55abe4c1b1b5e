import { isReservedRoom, isRoom } from '@trunkline/contract';
import { protocolErrors } from '../errors.ts';
import { infoText } from '../protocol/client-info.ts';
import type { Credentials, RoomGrant, RoomRequest, RoomRule } from '../rooms.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';

/** What a rule has granted; `info` as JSON text. */
interface Granted {
  readonly expiresAt?: number | undefined;
  readonly info?: string | undefined;
}

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
): Promise<Granted> {
  const rule = session.node.rooms.ruleOf(room);
  if (!rule?.authorize) throw protocolErrors.permissionDenied;
  const request: RoomRequest = {
    clientId: session.id,
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
  const { principal } = session;
  const call = async () => grantedBy(await rule.authorize?.(principal, room, request));
  const granted = await awaitHook(session, time, { name: 'authorize', call });
  if (!granted) throw protocolErrors.permissionDenied;
  if ((granted.expiresAt ?? Infinity) > Date.now()) return granted;
  // Who has no token to renew would only be told to bring another one.
  throw token === undefined ? protocolErrors.permissionDenied : protocolErrors.tokenExpired;
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
function grantedBy(answer: unknown): Granted | null {
  if (answer === true) return {};
  if (typeof answer !== 'object' || answer === null) return null;
  const { expiresAt, info } = answer as RoomGrant;
  if (expiresAt !== undefined && !Number.isFinite(expiresAt)) {
    throw new TypeError("A grant's expiresAt is milliseconds since 1970");
  }
  return { expiresAt, info: infoText(info) };
}
