import type { SendHandler } from '@trunkline/server';
import { runInContext } from './context.ts';

/** Runs what answers a client as its principal, from the page of the connection that it came over. */
export function asCaller<Answer>(
  handler: (...args: Parameters<SendHandler>) => Answer,
): (...args: Parameters<SendHandler>) => Answer {
  return (principal, data, call) => {
    const context = { principal, isPrivileged: false, origin: call.clientId };
    return runInContext(context, () => handler(principal, data, call));
  };
}
