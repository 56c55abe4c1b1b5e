import { channelKey, type Target, wireName } from '@trunkline/contract';
import { disconnects, protocolErrors } from '../errors.ts';
import { subscribePush } from '../protocol/reply.ts';
import { join, ReplyBudget } from '../recovery.ts';
import type { Session } from '../session.ts';
import { Subscription, type SubscriptionWish } from '../subscription.ts';
import { TimeBudget } from '../time-budget.ts';

/**
 * A subscription of the session's principal to a target inside its realm: the wall. Without a wish it
 * is the server's.
 */
export function newSubscription(
  session: Session,
  target: Target,
  wish?: SubscriptionWish,
): Subscription {
  const { principal, node } = session;
  return new Subscription({
    channel: channelKey({ realm: principal.realm, target }),
    wireName: wireName(target),
    owner: session,
    principal,
    rule: target.kind === 'room' ? node.rooms.ruleOf(target.room) : undefined,
    wish,
  });
}

/** Subscribes a live session to a room, as the app decided. One that is subscribed stays as it is. */
export async function joinServerSide(session: Session, room: string): Promise<void> {
  if (session.subscriptions.get(room)) return;
  if (!session.subscriptions.hasSpaceFor(1)) throw protocolErrors.limitExceeded;
  const subscription = newSubscription(session, { kind: 'room', room });
  session.subscriptions.add(subscription);
  try {
    await announce(session, subscription);
  } catch (error) {
    session.subscriptions.remove(subscription);
    if (error !== disconnects.connectionClosed) throw error; // it went away: nothing to join
  }
}

async function announce(session: Session, subscription: Subscription): Promise<void> {
  const { node } = session;
  const { hookTimeoutMs, maxRecoveryBytes } = node.limits;
  const joining = join(node, subscription, undefined, new ReplyBudget(maxRecoveryBytes));
  const joined = await session.whileOpen(
    new TimeBudget(hookTimeoutMs).spend('the broker', joining),
  );
  if (subscription.hasEnded) return; // left again meanwhile
  session.complete(subscribePush(subscription.wireName, joined.result), [joined]);
}
