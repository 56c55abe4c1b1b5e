import {
  channelKey,
  isReservedRoom,
  isRoom,
  type Realm,
  type Target,
  wireName,
} from '@trunkline/contract';
import { disconnects, protocolErrors } from './errors.ts';
import { checkPrincipal, type Handshake, type Principal } from './principal.ts';
import {
  type ConnectRequest,
  connectReply,
  type SubscribeRequest,
  subscribeReply,
  unsubscribeReply,
} from './protocol.ts';
import { type Joined, join, RecoveryBudget } from './recovery.ts';
import type { Session } from './session.ts';
import { Subscription } from './subscription.ts';
import type { TimeBudget } from './time-budget.ts';

/** `connect`: who is it, what is theirs from the start, the reply, then the live stream. */
export async function connect(
  session: Session,
  id: number,
  request: ConnectRequest,
  time: TimeBudget,
): Promise<void> {
  const principal = await authenticate(session, request, time);
  session.enter(principal);
  const targets = await ownTargets(session, principal, time);
  const joining = joinOwnChannels(session, principal, targets, request);
  const joined = await session.whileOpen(time.spend('the broker', joining));
  session.complete(welcome(session, principal, id, joined), joined);
  session.goLive();
}

/** `subscribe`: a client's own wish to enter a room. */
export async function subscribe(
  session: Session,
  id: number,
  request: SubscribeRequest,
  time: TimeBudget,
): Promise<void> {
  const { principal } = session;
  const { channel: room } = request;
  requireRoom(room);
  requireFree(session, room);
  await authorize(session, principal, request, time);
  requireFree(session, room); // the server may have subscribed it meanwhile
  const subscription = newSubscription(session, principal, { kind: 'room', room }, false);
  session.addSubscription(subscription);
  try {
    const joined = await joinRoom(session, subscription, request, time);
    session.complete(subscribeReply(id, joined.result), [joined]);
  } catch (error) {
    session.removeSubscription(subscription);
    throw error;
  }
}

/** `unsubscribe`: succeeds whether or not there was a subscription. A server-side one stays. */
export function unsubscribe(session: Session, id: number, channel: string): void {
  const subscription = session.subscription(channel);
  if (subscription && !subscription.isServerSide) session.removeSubscription(subscription);
  session.write(unsubscribeReply(id));
}

async function authenticate(
  session: Session,
  { token, data }: ConnectRequest,
  time: TimeBudget,
): Promise<Principal> {
  const handshake: Handshake = {
    ...session.takeHandshake(),
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
  const { node } = session;
  const principal = await session.hook('authenticate', time, () => node.authenticate(handshake));
  if (principal === null) throw disconnects.invalidToken;
  const checked = checkPrincipal(principal);
  // Told to come back (3005), it would come back as expired as before, again and again.
  if ((checked.expiresAt ?? Infinity) <= Date.now()) throw disconnects.invalidToken;
  return checked;
}

/** The channels that a principal has from the start: its own, its realm's, its roles', its rooms'. */
async function ownTargets(
  session: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<Target[]> {
  const { userId, roles } = principal;
  const rooms = await session.hook('roomsOf', time, () => session.node.roomsOf(principal));
  return [
    ...(userId === '' ? [] : [{ kind: 'user', userId } as const]),
    { kind: 'all' },
    ...[...new Set(roles)].map((role) => ({ kind: 'role', role }) as const),
    ...usableRooms(session, rooms).map((room) => ({ kind: 'room', room }) as const),
  ];
}

// Membership is the app's decision and a bad name no reason to keep a user out.
function usableRooms({ node }: Session, rooms: readonly string[]): string[] {
  return [...new Set<unknown>(rooms)].filter((room): room is string => {
    if (isRoom(room) && !isReservedRoom(room)) return true;
    node.log.warn('room_skipped', { hook: 'roomsOf', room: String(room).slice(0, 128) });
    return false;
  });
}

async function joinOwnChannels(
  session: Session,
  principal: Principal,
  targets: readonly Target[],
  { subs }: ConnectRequest,
): Promise<Joined[]> {
  const { node } = session;
  if (targets.length > node.limits.maxSubscriptions) throw disconnects.channelLimit;
  const budget = new RecoveryBudget(node.limits.maxRecoveryBytes);
  const subscriptions = targets.map((target) => newSubscription(session, principal, target, true));
  for (const subscription of subscriptions) session.addSubscription(subscription);
  const joins = subscriptions.map((subscription) =>
    join(node, subscription, subs.get(subscription.wireName), budget),
  );
  return await Promise.all(joins);
}

function welcome(session: Session, principal: Principal, id: number, joined: readonly Joined[]) {
  const { userId, realm } = principal;
  return connectReply(id, {
    client: session.id,
    pingSeconds: Math.ceil(session.node.limits.pingIntervalMs / 1000),
    data: { userId, realm },
    subs: new Map(joined.map(({ subscription, result }) => [subscription.wireName, result])),
  });
}

function requireFree(session: Session, room: string): void {
  if (session.subscription(room)) throw protocolErrors.alreadySubscribed;
  if (session.isFull) throw protocolErrors.limitExceeded;
}

/** Is this a name that a client may ask for? The server's own spellings are not. */
function requireRoom(room: string): void {
  if (room.startsWith('@') || isReservedRoom(room)) throw protocolErrors.permissionDenied;
  if (!isRoom(room)) throw protocolErrors.badRequest;
}

/** No rule, no entry. Forbidden and absent are answered alike. */
async function authorize(
  session: Session,
  principal: Principal,
  { channel: room, token, data }: SubscribeRequest,
  time: TimeBudget,
): Promise<void> {
  const rule = session.node.rooms.ruleOf(room);
  if (!rule?.authorize) throw protocolErrors.permissionDenied;
  const request = {
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
  const call = () => rule.authorize?.(principal, room, request) ?? false;
  const answer: unknown = await session.hook('authorize', time, call);
  // Only `true` opens the door: a hook that forgets to answer has not said yes.
  if (answer !== true) throw protocolErrors.permissionDenied;
}

async function joinRoom(
  session: Session,
  subscription: Subscription,
  request: SubscribeRequest,
  time: TimeBudget,
): Promise<Joined> {
  const budget = new RecoveryBudget(session.node.limits.maxRecoveryBytes);
  const joining = join(session.node, subscription, request.recover, budget);
  const joined = await session.whileOpen(time.spend('the broker', joining));
  const { wasRecovering, recovered } = joined.result;
  if (request.rejectUnrecovered && wasRecovering && !recovered) throw protocolErrors.unrecoverable;
  return joined;
}

function newSubscription(
  session: Session,
  principal: Principal,
  target: Target,
  isServerSide: boolean,
): Subscription {
  const realm: Realm = principal.realm; // the wall: a wire name counts inside the session's realm
  const channel = channelKey({ realm, target });
  return new Subscription({
    channel,
    wireName: wireName(target),
    isServerSide,
    owner: session,
    principal,
  });
}
