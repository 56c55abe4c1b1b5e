import { disconnects } from '../errors.ts';
import { checkPrincipal, type Handshake, type Principal } from '../principal.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';

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
  if (principal !== null) return principal;
  counters.count('authenticationsFailed');
  session.node.refused('authentication_failed', { client: session.id });
  throw disconnects.invalidToken;
}
