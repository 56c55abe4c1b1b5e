import { RateLimitedError } from '../broker/broker.ts';
import { protocolErrors } from '../errors.ts';
import { sealClientEvent } from '../event.ts';
import type { Principal } from '../principal.ts';
import type { PublishRequest } from '../protocol/command.ts';
import { publishReply } from '../protocol/reply.ts';
import type { RoomRule } from '../rooms.ts';
import type { Session } from '../session.ts';
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
  requireRoom(room);
  const subscription = session.subscriptions.get(room);
  if (!subscription) throw protocolErrors.permissionDenied;
  if (subscription.isOver) throw protocolErrors.tokenExpired;
  const rule = node.rooms.ruleOf(room);
  if (rule?.publish !== 'members') throw protocolErrors.permissionDenied;
  const channel = { realm: principal.realm, target: { kind: 'room', room } } as const;
  const sealed = seal(rule, principal, room, data);
  const publishing = node.publish(channel, sealed, { info: subscription.info });
  await session.whileOpen(time.spend('the broker', orTooMany(publishing)));
  session.write(publishReply(id));
}

/** What a client says, as it travels: in an envelope that names its sender, or as it is. */
function seal(
  { payload }: RoomRule,
  principal: Principal,
  room: string,
  data: string | undefined,
): string {
  if (data === undefined) throw protocolErrors.badRequest;
  if (payload === 'json') return data;
  const sealed = sealClientEvent(data, { principal, room });
  if (sealed === null) throw protocolErrors.badRequest;
  return sealed;
}

async function orTooMany<T>(publishing: Promise<T>): Promise<T> {
  try {
    return await publishing;
  } catch (error) {
    if (error instanceof RateLimitedError) throw protocolErrors.tooManyRequests;
    throw error;
  }
}
