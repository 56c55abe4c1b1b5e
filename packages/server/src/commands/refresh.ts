import { isSameRealm } from '@trunkline/contract';
import { type Disconnect, disconnects, ProtocolError, protocolErrors } from '../errors.ts';
import { announced } from '../expiry.ts';
import { become } from '../permissions.ts';
import type { Principal } from '../principal.ts';
import type { SubRefreshRequest } from '../protocol/command.ts';
import { refreshReply, subRefreshReply } from '../protocol/reply.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { askPrincipal, requireUnchanged } from './authenticate.ts';
import { authorize } from './authorize.ts';
import { recordForeignRefresh } from './records.ts';

/** `refresh`: a new token for the connection that is open (protocol, section 13). */
export async function refresh(
  session: Session,
  id: number,
  token: string,
  time: TimeBudget,
): Promise<void> {
  const askedAt = performance.now();
  const principal = await renewed(session, token, time);
  requireSameIdentity(session, principal);
  requireUnchanged(session, principal, askedAt);
  const { tokenLeadMs } = session.node.limits;
  session.write(refreshReply(id, session.id, announced(principal.expiresAt, tokenLeadMs)));
  await become(session, principal, time);
}

/** `sub_refresh`: a new token for a subscription that is open. */
export async function subRefresh(
  session: Session,
  id: number,
  { channel: room, token }: SubRefreshRequest,
  time: TimeBudget,
): Promise<void> {
  const subscription = session.subscriptions.get(room);
  if (!subscription || subscription.isServerSide) throw protocolErrors.permissionDenied;
  if (token === '') throw protocolErrors.badRequest;
  const { expiresAt } = await grantFor(session, room, token, time);
  if (subscription.hasEnded) throw protocolErrors.permissionDenied;
  const { tokenLeadMs, tokenGraceMs } = session.node.limits;
  subscription.renew(token);
  subscription.expireAt(expiresAt, tokenGraceMs);
  session.write(subRefreshReply(id, announced(expiresAt, tokenLeadMs)));
}

async function renewed(session: Session, token: string, time: TimeBudget): Promise<Principal> {
  const { refreshable } = session;
  if (!refreshable || token === '') throw disconnects.badRequest;
  const asking = async () => await askPrincipal(session, { ...refreshable, token }, time);
  const principal = await orDisconnect(disconnects.expired, asking);
  if ((principal.expiresAt ?? Infinity) <= Date.now()) throw disconnects.expired;
  return principal;
}

/** A token of somebody else is no refresh: what is subscribed here is this principal's. */
function requireSameIdentity(session: Session, asked: Principal): void {
  const { userId, realm } = asked;
  const { principal, node } = session;
  const isSameTenant = isSameRealm(principal.realm, realm);
  if (principal.userId === userId && isSameTenant) return;
  node.refused('refresh_as_another', { client: session.id });
  recordForeignRefresh(session, asked, isSameTenant);
  throw disconnects.invalidToken;
}

async function grantFor(
  session: Session,
  room: string,
  token: string,
  time: TimeBudget,
): Promise<{ readonly expiresAt?: number | undefined }> {
  try {
    return await orDisconnect(
      disconnects.subscriptionExpired,
      async () => await authorize(session, room, { token }, time),
    );
  } catch (error) {
    // At a subscribe a bad token is a wish refused; here it would keep what it cannot prove.
    throw error === protocolErrors.permissionDenied ? disconnects.invalidToken : error;
  }
}

/** An expired token ends what it was to prolong: accepted, it would make it live for ever. */
async function orDisconnect<T>(ended: Disconnect, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isExpired =
      error instanceof ProtocolError && error.code === protocolErrors.tokenExpired.code;
    throw isExpired ? ended : error;
  }
}
