import { disconnects, protocolErrors } from '../errors.ts';
import type { RpcRequest } from '../protocol/command.ts';
import { rpcReply } from '../protocol/reply.ts';
import { isOwnMethod } from '../rpc.ts';
import type { Session } from '../session.ts';
import type { TimeBudget } from '../time-budget.ts';
import { awaitHook } from './hook.ts';
import { ownCall } from './own-calls.ts';

/** `rpc`: a client calls one of the app's methods, or one of the server's own. */
export async function rpc(
  session: Session,
  id: number,
  request: RpcRequest,
  time: TimeBudget,
): Promise<void> {
  const { principal, node } = session;
  const { method, data } = request;
  if (isOwnMethod(method)) return await ownCall(session, id, request, time);
  if (!node.rpc) throw protocolErrors.notAvailable;
  const handler = Object.hasOwn(node.rpc, method) ? node.rpc[method] : undefined;
  if (!handler) throw protocolErrors.methodNotFound;
  const context = { clientId: session.id };
  const call = () => handler(principal, data, context);
  const result = await awaitHook(session, time, { name: `rpc ${method}`, call });
  session.write(rpcReply(id, result));
}

/** `send`: a client says something to the app and expects no answer. */
export async function send(session: Session, data: unknown, time: TimeBudget): Promise<void> {
  const { principal, node } = session;
  const { onSend } = node;
  if (!onSend) throw disconnects.notAvailable;
  const context = { clientId: session.id };
  try {
    const call = () => onSend(principal, data, context);
    await awaitHook(session, time, { name: 'onSend', call });
  } catch (error) {
    // There is no reply to put it in; the hook's failure has been logged.
    if (error !== protocolErrors.internal) throw error;
  }
}
