import { isDisconnect, ProtocolError, protocolErrors } from '../errors.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';

/** One of the app's hooks. */
interface Hook<T> {
  readonly name: string;
  readonly call: () => T | Promise<T>;
}

/**
 * Awaits a hook, no longer than the command's time allows. It may refuse in the protocol's own words
 * (`ProtocolError`, `Disconnect`); whatever else it throws is logged here and becomes error 100,
 * which in a connect closes with 3004.
 */
export async function awaitHook<T>(
  session: Session,
  time: TimeBudget,
  { name, call }: Hook<T>,
): Promise<T> {
  const calling = Promise.resolve().then(call);
  try {
    return await session.whileOpen(time.spend(name, calling));
  } catch (error) {
    if (isDisconnect(error) || error instanceof ProtocolError) throw error;
    session.node.hookFailed(name, error, { client: session.id });
    if (time.isSpent) session.node.exceeded('hookTimeoutMs', { client: session.id });
    throw protocolErrors.internal;
  }
}
