import { isReservedRoom, isRoom, type Target } from '@trunkline/contract';
import { disconnects, protocolErrors } from '../errors.ts';
import { announced } from '../expiry.ts';
import type { Handshake, Principal } from '../principal.ts';
import type { ConnectRequest } from '../protocol/command.ts';
import type { Line } from '../protocol/line.ts';
import { connectReply } from '../protocol/reply.ts';
import { type Joined, join, ReplyBudget } from '../recovery.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { askPrincipal } from './authenticate.ts';
import { awaitHook } from './hook.ts';
import { newSubscription } from './server-side.ts';

/** `connect`: who is it, what is theirs from the start, the reply, then the live stream. */
export async function connect(
  session: Session,
  id: number,
  request: ConnectRequest,
  time: TimeBudget,
): Promise<void> {
  const handshake = handshakeWith(session, request);
  const principal = await authenticate(session, handshake, time);
  await makeSpace(session, principal, time);
  session.enter(principal, handshake);
  const targets = await ownTargets(session, principal, time);
  const joining = joinOwnChannels(session, targets, request);
  const joined = await session.whileOpen(time.spend('the broker', joining));
  session.complete(welcome(session, id, joined), joined);
  session.goLive();
}

function handshakeWith(session: Session, { token, data }: ConnectRequest): Handshake {
  return {
    ...session.takeHandshake(),
    ...(token === undefined ? {} : { token }),
    ...(data === undefined ? {} : { data }),
  };
}

async function authenticate(
  session: Session,
  handshake: Handshake,
  time: TimeBudget,
): Promise<Principal> {
  const principal = await askPrincipal(session, handshake, time);
  // Told to come back (3005), it would come back as expired as before, again and again.
  if ((principal.expiresAt ?? Infinity) <= Date.now()) throw protocolErrors.expired;
  return principal;
}

/**
 * After a change of network all of a user's connections come again while the old ones still count.
 * Where one more would be too many, those that give no sign of life are ended first.
 */
async function makeSpace(
  session: Session,
  { realm, userId }: Principal,
  time: TimeBudget,
): Promise<void> {
  const { connections, limits } = session.node;
  if (!connections.isFullFor(realm, userId)) return;
  const timeoutMs = Math.min(limits.probeTimeoutMs, time.patienceMs);
  const probes = connections.of(realm, userId).map((connection) => connection.probe(timeoutMs));
  await session.whileOpen(Promise.all(probes));
}

/** The channels that a principal has from the start: its own, its realm's, its roles', its rooms'. */
async function ownTargets(
  session: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<Target[]> {
  const { userId, roles } = principal;
  const call = () => session.node.roomsOf(principal);
  const rooms = await awaitHook(session, time, { name: 'roomsOf', call });
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
  targets: readonly Target[],
  { subs }: ConnectRequest,
): Promise<Joined[]> {
  const { node } = session;
  if (!session.subscriptions.hasSpaceFor(targets.length)) throw disconnects.channelLimit;
  const budget = new ReplyBudget(node.limits.maxRecoveryBytes);
  const subscriptions = targets.map((target) => newSubscription(session, target));
  for (const subscription of subscriptions) session.subscriptions.add(subscription);
  const joins = subscriptions.map((subscription) =>
    join(node, subscription, subs.get(subscription.wireName), budget),
  );
  return await Promise.all(joins);
}

function welcome(session: Session, id: number, joined: readonly Joined[]): Line {
  const { userId, realm, expiresAt } = session.principal;
  const { id: node, limits } = session.node;
  const { pingIntervalMs, tokenLeadMs } = limits;
  return connectReply(id, {
    client: session.id,
    pingSeconds: Math.ceil(pingIntervalMs / 1000),
    data: { userId, realm },
    subs: new Map(joined.map(({ subscription, result }) => [subscription.wireName, result])),
    expiry: session.refreshable ? announced(expiresAt, tokenLeadMs) : null,
    emulation: session.key === undefined ? null : { session: session.key, node },
  });
}
