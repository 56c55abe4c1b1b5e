import { type Target, wireName } from '@trunkline/contract';
import { disconnects, LimitExceededError } from '../errors.ts';
import { subscribePush } from '../protocol/reply.ts';
import { type Joined, join, ReplyBudget } from '../recovery.ts';
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
    channel: node.alarm.keyOf({ realm: principal.realm, target }, session),
    wireName: wireName(target),
    owner: session,
    principal,
    rule: target.kind === 'room' ? node.rooms.ruleOf(target.room) : undefined,
    wish,
  });
}

/**
 * Subscribes a live session to a channel of its own, and tells it. One that is subscribed stays as it is.
 * Throws when there is no space; where it is not required, that is only counted.
 */
export async function joinServerSide(
  session: Session,
  target: Target,
  { isRequired }: { isRequired: boolean },
): Promise<void> {
  if (session.subscriptions.get(wireName(target))) return;
  if (!session.subscriptions.hasSpaceFor(1)) {
    const { maxSubscriptions } = session.node.limits;
    if (isRequired) throw new LimitExceededError('maxSubscriptions', maxSubscriptions);
    return;
  }
  const subscription = newSubscription(session, target);
  session.subscriptions.add(subscription);
  try {
    await announce(session, subscription);
  } catch (error) {
    session.subscriptions.remove(subscription);
    if (error === disconnects.connectionClosed) return; // it went away: nothing to join
    if (isRequired || !(error instanceof LimitExceededError)) throw error;
  }
}

/** As `joining`, or `null`: its room is one more than its tenant may have, which must not shut a user out. */
export async function unlessFull(
  { node, subscriptions }: Session,
  subscription: Subscription,
  joining: Promise<Joined>,
): Promise<Joined | null> {
  try {
    return await joining;
  } catch (error) {
    if (!(error instanceof LimitExceededError)) throw error;
    subscriptions.remove(subscription);
    const { wireName: room } = subscription;
    node.refused('room_skipped', { client: subscription.id, room, limit: error.limit });
    return null;
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
