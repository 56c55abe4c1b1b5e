import { RateLimitedError } from '../broker/broker.ts';
import { protocolErrors } from '../errors.ts';
import { sealClientEvent } from '../event.ts';
import type { Principal } from '../principal.ts';
import type { PublishRequest } from '../protocol/command.ts';
import { publishReply } from '../protocol/reply.ts';
import type { RoomRule } from '../rooms.ts';
import type { Session } from '../session.ts';
import type { Subscription } from '../subscription.ts';
import type { TimeBudget } from '../time-budget.ts';
import { requireRoom } from './authorize.ts';

/** `publish`: a subscriber says something to a room whose rule lets subscribers speak. */
export async function publish(
  session: Session,
  id: number,
  { channel: room, data }: PublishRequest,
  time: TimeBudget,
): Promise<void> {
  const { node, principal } = session;
  const subscription = requireMember(session, room);
  const rule = node.rooms.ruleOf(room);
  if (rule?.publish !== 'members') throw protocolErrors.permissionDenied;
  const channel = { realm: principal.realm, target: { kind: 'room', room } } as const;
  const { type, json } = seal(rule, principal, room, data);
  const volatile = type !== null && node.rooms.isVolatile(room, type);
  const publishing = node.publish(channel, json, { info: subscription.info, volatile });
  await session.whileOpen(time.spend('the broker', orTooMany(publishing)));
  session.write(publishReply(id));
}

/** The subscription of a client that speaks in a room. Throws error 103 for who is not in it. */
export function requireMember(session: Session, room: string): Subscription {
  requireRoom(room);
  const subscription = session.subscriptions.get(room);
  if (!subscription) throw protocolErrors.permissionDenied;
  if (subscription.isOver) throw protocolErrors.tokenExpired;
  return subscription;
}

/** What a client says, as it travels: in an envelope that names its sender, or as it is. */
function seal(
  { payload }: RoomRule,
  principal: Principal,
  room: string,
  data: string | undefined,
): { readonly type: string | null; readonly json: string } {
  if (data === undefined) throw protocolErrors.badRequest;
  if (payload === 'json') return { type: null, json: data };
  const sealed = sealClientEvent(data, { principal, room });
  if (sealed === null) throw protocolErrors.badRequest;
  return sealed;
}

/** Throws error 111 where the tenant publishes too fast. */
export async function orTooMany<T>(publishing: Promise<T>): Promise<T> {
  try {
    return await publishing;
  } catch (error) {
    if (error instanceof RateLimitedError) throw protocolErrors.tooManyRequests;
    throw error;
  }
}
