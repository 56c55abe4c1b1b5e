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
  try {
    const answer = call();
    // One that answers at once needs no watching.
    if (!isPromise(answer)) return answer;
    return await session.whileOpen(time.spend(name, Promise.resolve(answer)));
  } catch (error) {
    if (isDisconnect(error) || error instanceof ProtocolError) throw error;
    session.node.hookFailed(name, error, { client: session.id });
    if (time.isSpent) session.node.exceeded('hookTimeoutMs', { client: session.id });
    throw protocolErrors.internal;
  }
}

/** Is it something to wait for? Some libraries have promises of their own. */
function isPromise<T>(answer: T | Promise<T>): answer is Promise<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}
