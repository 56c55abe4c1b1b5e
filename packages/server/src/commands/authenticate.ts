import { disconnects } from '../errors.ts';
import { checkPrincipal, checkSuccessor, type Handshake, type Principal } from '../principal.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';
import { recordFailedAuthentication } from './records.ts';

/** Asks the app who a handshake acts for. Throws `Disconnect` 3500 for nobody. */
export async function askPrincipal(
  session: Session,
  handshake: Handshake,
  time: TimeBudget,
): Promise<Principal> {
  const { authentications, counters } = session.node;
  const call = async () => {
    const answer = await authentications.ask(handshake, time);
    return answer === null ? null : checkPrincipal(answer);
  };
  const principal = await awaitHook(session, time, { name: 'authenticate', call });
  if (principal !== null && !(await isRevoked(session, principal, time))) return principal;
  counters.count('authenticationsFailed');
  session.node.refused('authentication_failed', { client: session.id });
  recordFailedAuthentication(session, principal);
  throw disconnects.invalidToken;
}

/**
 * Asks `reauthorize` who a session acts for by now. Throws `Disconnect` 3503 for nobody, 3005 for
 * somebody whose time is over.
 */
export async function askAgain(session: Session, time: TimeBudget): Promise<Principal> {
  const { reauthorize } = session.node;
  const { principal: before } = session;
  const call = async () => {
    const answer = await reauthorize?.(before);
    return answer ? checkSuccessor(before, answer) : null;
  };
  const principal = await awaitHook(session, time, { name: 'reauthorize', call });
  if (principal === null || (await isRevoked(session, principal, time))) {
    throw disconnects.forceDisconnect;
  }
  if ((principal.expiresAt ?? Infinity) <= Date.now()) throw disconnects.expired;
  return principal;
}

/**
 * What was found out about a principal may have been taken back while it was looked up (since `askedAt`, of
 * `performance.now()`): such a session comes back, and is asked about anew. To be asked last: from here on a
 * change of permissions finds it.
 */
export function requireUnchanged({ node }: Session, principal: Principal, askedAt: number): void {
  if (node.users.hasChangedSince(principal, askedAt)) throw disconnects.forceReconnect;
}

async function isRevoked(
  { node }: Session,
  principal: Principal,
  time: TimeBudget,
): Promise<boolean> {
  return await time.spend('the broker', node.users.isRevoked(principal));
}
