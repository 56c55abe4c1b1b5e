import { LimitExceededError, protocolErrors } from '../errors.ts';
import { announced } from '../expiry.ts';
import { stayInRoom } from '../permissions.ts';
import type { SubscribeRequest } from '../protocol/command.ts';
import { type PushForm, pushForm } from '../protocol/push.ts';
import { subscribeReply, unsubscribeReply } from '../protocol/reply.ts';
import { type Joined, join, QueueBudget, type RecoveryBudget } from '../recovery.ts';
import type { Credentials } from '../rooms.ts';
import type { Session } from '../session.ts';
import type { Subscription } from '../subscription.ts';
import type { TimeBudget } from '../time-budget.ts';
import { authorize, requireRoom } from './authorize.ts';
import { recordJoin } from './records.ts';
import { newSubscription } from './server-side.ts';

/** What most clients bring along. */
const NOTHING: Credentials = {};

/** `subscribe`: a client's own wish to enter a room. */
export async function subscribe(
  session: Session,
  id: number,
  request: SubscribeRequest,
  time: TimeBudget,
): Promise<void> {
  const { channel: room, token } = request;
  const { maxRecoveryBytes, tokenLeadMs, tokenGraceMs } = session.node.limits;
  requireRoom(room);
  requireFree(session, room);
  const { expiresAt, info } = await authorize(session, room, request, time);
  requireFree(session, room); // the server may have subscribed it meanwhile
  const wish = {
    hearsPresence: request.joinLeave,
    chanInfo: info,
    credentials: credentialsOf(request),
    form: formOf(session, request),
  };
  const subscription = newSubscription(session, { kind: 'room', room }, wish);
  session.subscriptions.add(subscription);
  const budget = new QueueBudget(session.replySpace, maxRecoveryBytes, time);
  try {
    const joined = await joinRoom(session, subscription, request, { time, budget });
    const expiry = token === undefined ? null : announced(expiresAt, tokenLeadMs);
    session.complete(subscribeReply(id, room, { ...joined.result, expiry }), [joined]);
    subscription.expireAt(expiresAt, token === undefined ? 0 : tokenGraceMs);
    recordJoin(session, room);
  } catch (error) {
    session.subscriptions.remove(subscription);
    throw error instanceof LimitExceededError ? protocolErrors.limitExceeded : error;
  } finally {
    // Not before the reply is in the queue: the next one would be let in to the same space.
    budget.release();
  }
}

/** `unsubscribe`: succeeds whether or not there was a subscription. A server-side one stays. */
export function unsubscribe(session: Session, id: number, channel: string): void {
  const subscription = session.subscriptions.get(channel);
  const isOwn = subscription !== undefined && !subscription.isServerSide;
  if (isOwn) session.subscriptions.remove(subscription);
  session.write(unsubscribeReply(id));
  // Not a part of the command: whoever takes the user out of the room waits for the room's commands.
  if (isOwn) void stayInRoom(session, channel);
}

function credentialsOf({ token, data }: SubscribeRequest): Credentials {
  if (token === undefined && data === undefined) return NOTHING;
  return {
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
}

function requireFree(session: Session, room: string): void {
  if (session.subscriptions.get(room)) throw protocolErrors.alreadySubscribed;
  if (!session.subscriptions.hasSpaceFor(1)) throw protocolErrors.limitExceeded;
}

/** In which form its pushes come: as it wishes, as far as the node and the room's rule go along. */
function formOf(
  { node }: Session,
  { channel: room, isCompact, isDelta }: SubscribeRequest,
): PushForm {
  return pushForm({
    isCompact: isCompact && node.compactsChannels,
    isDelta: isDelta && node.rooms.ruleOf(room)?.delta === true,
  });
}

async function joinRoom(
  session: Session,
  subscription: Subscription,
  request: SubscribeRequest,
  { time, budget }: { time: TimeBudget; budget: RecoveryBudget },
): Promise<Joined> {
  const joining = join(session.node, subscription, request.recover, budget);
  const joined = await session.whileOpen(time.spend('the broker', joining));
  if (subscription.hasEnded) throw protocolErrors.permissionDenied; // the server took it out again
  const { wasRecovering, recovered } = joined.result;
  if (request.rejectUnrecovered && wasRecovering && !recovered) throw protocolErrors.unrecoverable;
  return joined;
}
