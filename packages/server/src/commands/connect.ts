import type { Target } from '@trunkline/contract';
import { disconnects, protocolErrors } from '../errors.ts';
import { announced } from '../expiry.ts';
import type { Handshake, Principal } from '../principal.ts';
import type { ConnectRequest } from '../protocol/command.ts';
import type { Line } from '../protocol/line.ts';
import { connectReply } from '../protocol/reply.ts';
import { type Joined, join, ReplyBudget } from '../recovery.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { askPrincipal, requireUnchanged } from './authenticate.ts';
import { ownTargets } from './own-targets.ts';
import { recordForeignPositions, recordSupportView } from './records.ts';
import { newSubscription, unlessFull } from './server-side.ts';

/** `connect`: who is it, what is theirs from the start, the reply, then the live stream. */
export async function connect(
  session: Session,
  id: number,
  request: ConnectRequest,
  time: TimeBudget,
): Promise<void> {
  const handshake = handshakeWith(session, request);
  const askedAt = performance.now();
  const principal = await authenticate(session, handshake, time);
  await makeSpace(session, principal, time);
  requireUnchanged(session, principal, askedAt);
  session.enter(principal, handshake);
  const targets = await ownTargets(session, principal, time);
  const joining = joinOwnChannels(session, targets, request);
  const joined = await session.whileOpen(time.spend('the broker', joining));
  session.complete(welcome(session, id, joined), joined);
  recordSupportView(session);
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

async function makeSpace(session: Session, principal: Principal, time: TimeBudget): Promise<void> {
  const { connections, limits } = session.node;
  const timeoutMs = Math.min(limits.probeTimeoutMs, time.patienceMs);
  await session.whileOpen(connections.makeSpaceFor(session, principal, timeoutMs));
}

async function joinOwnChannels(
  session: Session,
  targets: readonly Target[],
  request: ConnectRequest,
): Promise<Joined[]> {
  const { node } = session;
  recordForeignPositions(session, targets, request);
  if (!session.subscriptions.hasSpaceFor(targets.length)) throw disconnects.channelLimit;
  const budget = new ReplyBudget(node.limits.maxRecoveryBytes);
  const subscriptions = targets.map((target) => newSubscription(session, target));
  for (const subscription of subscriptions) session.subscriptions.add(subscription);
  const joins = subscriptions.map((subscription) => {
    const recover = request.subs.get(subscription.wireName);
    return unlessFull(session, subscription, join(node, subscription, recover, budget));
  });
  const joined = await Promise.all(joins);
  return joined.filter((each) => each !== null);
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
