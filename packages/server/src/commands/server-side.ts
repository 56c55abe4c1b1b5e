import { channelKey, type Target, wireName } from '@trunkline/contract';
import { disconnects, protocolErrors } from '../errors.ts';
import { infoText } from '../protocol/client-info.ts';
import { subscribePush } from '../protocol/reply.ts';
import { join, ReplyBudget } from '../recovery.ts';
import type { Session } from '../session.ts';
import { Subscription } from '../subscription.ts';
import { TimeBudget } from '../time-budget.ts';

/** What is special about a subscription that a client asked for. */
interface Wish {
  readonly hearsPresence: boolean;
  readonly chanInfo: string | undefined;
}

/**
 * A subscription of the session's principal to a target inside its realm: the wall. Without a wish it
 * is the server's, which hears who comes and goes wherever that is told.
 */
export function newSubscription(
  session: Session,
  { target, wish }: { target: Target; wish?: Wish },
): Subscription {
  const { principal, node } = session;
  const rule = target.kind === 'room' ? node.rooms.ruleOf(target.room) : undefined;
  return new Subscription({
    channel: channelKey({ realm: principal.realm, target }),
    wireName: wireName(target),
    isServerSide: wish === undefined,
    owner: session,
    principal,
    connInfo: infoText(principal.info),
    chanInfo: wish?.chanInfo,
    keepsPresence: rule?.presence ?? false,
    tellsPresence: rule?.joinLeave ?? false,
    hearsPresence: (rule?.joinLeave ?? false) && (wish?.hearsPresence ?? true),
  });
}

/** Subscribes a live session to a room, as the app decided. One that is subscribed stays as it is. */
export async function joinServerSide(session: Session, room: string): Promise<void> {
  if (session.subscriptions.get(room)) return;
  if (!session.subscriptions.hasSpaceFor(1)) throw protocolErrors.limitExceeded;
  const subscription = newSubscription(session, { target: { kind: 'room', room } });
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
