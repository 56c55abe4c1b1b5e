import { wireName } from '@trunkline/contract';
import { allDone } from './all-done.ts';
import { askAgain } from './commands/authenticate.ts';
import { authorize } from './commands/authorize.ts';
import { ownTargets } from './commands/own-targets.ts';
import { recordExclusion } from './commands/records.ts';
import { joinServerSide } from './commands/server-side.ts';
import type { Leaving } from './connections.ts';
import {
  disconnects,
  isDisconnect,
  ProtocolError,
  protocolErrors,
  type Unsubscribed,
  unsubscribed,
} from './errors.ts';
import { describeError } from './log.ts';
import type { Principal } from './principal.ts';
import type { Session } from './session.ts';
import type { Subscription } from './subscription.ts';
import { TimeBudget } from './time-budget.ts';
import { withTimeout } from './with-timeout.ts';

/** What was written to somebody who has lost something may be on its way for so long. */
const SETTLE_MS = 500;
/** Of refreshes that change no role, only one in that time asks about the rooms again. */
const REFRESH_PAUSE_MS = 10_000;
/** What could not be told is asked again after this share of the usual time. */
const RETRY_SHARE = 0.1;

// What a connection may hear changes while it is open. Whatever the server does to one waits for its
// connect: nothing may precede that reply.

/** Puts a live session into a room, as the app decided. Rejects when that fails. */
export async function joinRoom(session: Session, room: string): Promise<void> {
  await session.inbox.connected;
  if (!session.isLive) return;
  await joinServerSide(session, { kind: 'room', room }, { isRequired: true });
}

/**
 * A client has given up a room that it had asked for itself. Where the app has put its user into the room,
 * it stays in it: the subscription is the server's from here on.
 */
export async function stayInRoom(session: Session, room: string): Promise<void> {
  const { node, principal } = session;
  if (principal.userId === '') return;
  const stay = async () => {
    const rooms = session.isLive ? await node.users.roomsOf(principal) : [];
    if (!rooms.includes(room) || !session.isLive) return;
    await joinServerSide(session, { kind: 'room', room }, { isRequired: false });
  };
  try {
    await node.users.inTurn(principal, stay);
  } catch (error) {
    // It cannot be left without what it was promised: it comes back, and is in the room from the start.
    node.log.warn('room_not_kept', { client: session.id, room, error: describeError(error) });
    session.close(disconnects.forceReconnect);
  }
}

/** Takes a session out of a room, if it is meant; resolves when nothing more of it will be written. */
export async function leaveRoom(
  session: Session,
  room: string,
  whose: Leaving = 'anybody',
): Promise<void> {
  await session.inbox.connected;
  session.subscriptions.endRoom(room, ({ isServerSide }) => isServerSide || whose === 'anybody');
  if (whose === 'put-in') return await settled(session);
  // A client whose wish is just being decided would come in behind us.
  await session.inbox.settled(room);
  session.subscriptions.endRoom(room, ({ isServerSide }) => !isServerSide);
  purgeForeign(session, (channel) => channel === room);
  await settled(session);
}

/**
 * The app says that permissions have changed. What cannot be found out is not taken for granted: then, and
 * without `reauthorize`, the connection ends with 3011, comes back through `authenticate`, and is asked about
 * anew (design D4). Resolves when nothing more will be written of what it may not hear any more.
 */
export async function refreshPermissions(session: Session): Promise<void> {
  if (!session.node.reauthorize) return await session.expel(disconnects.forceReconnect);
  try {
    await session.inbox.connected;
    await inTurn(session, () => reauthorize(session));
    purgeForeign(session);
    await settled(session);
  } catch {
    await session.expel(disconnects.forceReconnect);
  }
}

/** The same because it is time; an outage of the app's database must not end connections. */
export async function recheck(session: Session): Promise<void> {
  const { limits, reauthorize: hook } = session.node;
  const { reauthorizeIntervalMs } = limits;
  if (!hook) return session.close(disconnects.forceReconnect);
  try {
    await inTurn(session, () => reauthorize(session));
    recheckIn(session, reauthorizeIntervalMs);
  } catch {
    recheckIn(session, reauthorizeIntervalMs * RETRY_SHARE);
  }
}

/** A new token has come: goes on as the same principal, with what has changed about it. */
export async function become(
  session: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<void> {
  const isRested = performance.now() - session.appliedAt >= REFRESH_PAUSE_MS;
  const isChanged = !isSameRoles(session.principal, principal);
  session.renew(principal);
  // Each asks the rule of every room: a client may refresh more often than that is worth.
  if (!isRested && !isChanged) return;
  try {
    await inTurn(session, () => applyPrincipal(session, principal, time));
  } catch (error) {
    if (isDisconnect(error)) throw error;
    recheckIn(session, session.node.limits.reauthorizeIntervalMs * RETRY_SHARE);
  }
}

function isSameRoles({ roles: before }: Principal, { roles: now }: Principal): boolean {
  return before.every((role) => now.includes(role)) && now.every((role) => before.includes(role));
}

/** Nothing else may be done to the same user meanwhile; an anonymous one is nobody in particular. */
async function inTurn(session: Session, step: () => Promise<void>): Promise<void> {
  if (!session.isLive) return;
  const { principal } = session;
  const unlessGone = async () => {
    if (session.isLive) await step();
  };
  await (principal.userId === '' ? step() : session.node.users.inTurn(principal, unlessGone));
}

function recheckIn(session: Session, ms: number): void {
  if (session.isLive) session.lifetime.recheckIn(ms);
}

/** Asks the app who this is by now, and goes by it. Throws when the app could not tell. */
async function reauthorize(session: Session): Promise<void> {
  const time = new TimeBudget(session.node.limits.hookTimeoutMs);
  try {
    const principal = await askAgain(session, time);
    await session.whileOpen(applyPrincipal(session, principal, time));
  } catch (error) {
    if (error === disconnects.connectionClosed) return; // it went away by itself
    if (!isDisconnect(error)) throw error;
    await session.expel(error);
  }
}

/**
 * Makes what a session is subscribed to what its principal may hear now: channels that are no longer its
 * own end, new ones begin, and every room that is its client's wish alone is asked about again. Throws when
 * a hook could not tell; what it could tell has been done by then.
 */
async function applyPrincipal(
  session: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<void> {
  session.renew(principal);
  session.appliedAt = performance.now();
  const targets = await ownTargets(session, principal, time);
  const own: ReadonlySet<string> = new Set(targets.map(wireName));
  const wishes = () => session.subscriptions.clientSide.filter((each) => !own.has(each.wireName));
  endForeign(session, own);
  const joins = targets.map((target) => joinServerSide(session, target, { isRequired: false }));
  const before = wishes();
  const decisions = before.map((subscription) => decide(session, subscription, time));
  await allDone([...joins, ...decisions]);
  // Others may just have been let in, by what was known before.
  await time.spend('the rooms', session.inbox.allSettled());
  const late = wishes().filter((each) => !before.includes(each));
  await allDone(late.map((subscription) => decide(session, subscription, time)));
}

function endForeign({ subscriptions }: Session, own: ReadonlySet<string>): void {
  for (const subscription of subscriptions.serverSide) {
    if (!own.has(subscription.wireName)) subscriptions.end(subscription, unsubscribed.server);
  }
}

/** The room's rule decides anew about a client that is in. */
async function decide(
  session: Session,
  subscription: Subscription,
  time: TimeBudget,
): Promise<void> {
  if (subscription.isOver) return; // in the grace of its token, after which it ends by itself
  const { credentials } = subscription;
  try {
    const { expiresAt } = await authorize(session, subscription.wireName, credentials, time);
    if (credentials.token === undefined) subscription.expireAt(expiresAt, 0);
  } catch (error) {
    const ended = endOf(error);
    if (!ended) throw error;
    if (subscription.hasEnded) return;
    session.subscriptions.end(subscription, ended);
    if (ended === unsubscribed.server) recordExclusion(session, subscription.wireName);
  }
}

/** How what a rule has answered with ends a subscription; `null`: it could not tell. */
function endOf(error: unknown): Unsubscribed | null {
  if (!(error instanceof ProtocolError) || error.temporary) return null;
  const isExpired = error.code === protocolErrors.tokenExpired.code;
  return isExpired ? unsubscribed.expired : unsubscribed.server;
}

/**
 * Forgets what waits of rooms that it is not in (of those that are meant): what a client has asked of them
 * without a subscription, or was sent before it gave its own up.
 */
function purgeForeign(
  { outbox, subscriptions }: Session,
  isMeant: (channel: string) => boolean = () => true,
): void {
  outbox.purge((channel) => isMeant(channel) && !subscriptions.get(channel));
}

/**
 * Resolves when nothing that was written before can still be on its way out of this process. Who does not
 * take it in time, or is about to go, is cut off.
 */
async function settled(session: Session): Promise<void> {
  try {
    await withTimeout(session.outbox.settled(), SETTLE_MS, () => disconnects.slow);
  } catch {
    session.onSlow('writeStallMs');
  }
  if (session.isClosed) session.terminate();
}
