import { disconnects } from '../errors.ts';
import { checkPrincipal, type Handshake, type Principal } from '../principal.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';

/** Asks the app who a handshake acts for. Throws `Disconnect` 3500 for nobody. */
export async function askPrincipal(
  session: Session,
  handshake: Handshake,
  time: TimeBudget,
): Promise<Principal> {
  const { authentications, counters } = session.node;
  const principal = await session.hook('authenticate', time, async () => {
    const answer = await authentications.ask(handshake, time);
    return answer === null ? null : checkPrincipal(answer);
  });
  if (principal !== null) return principal;
  counters.count('authenticationsFailed');
  session.node.refused('authentication_failed', { client: session.id });
  throw disconnects.invalidToken;
}
