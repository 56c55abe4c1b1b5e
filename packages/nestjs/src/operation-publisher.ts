import { isRole, type OperationComplete, type Target } from '@trunkline/contract';
import type { OperationMessage, PublishOperation } from '@trunkline/operations';
import { type Node, PayloadTooLargeError, type Receipt } from '@trunkline/server';
import { runInContext } from './context.ts';
import { Sender } from './sender.ts';

type OperationEvent = OperationMessage['event'];
type Send = (target: Target, event: OperationEvent) => Promise<Receipt>;

/**
 * Sends the updates of operations to whom they concern: `true` when all of it was accepted. It acts for
 * nobody: an update may be told by a timer that was set in somebody's request.
 */
export function operationPublisher(node: Node): PublishOperation {
  const sender = new Sender(node);
  return async (message) => {
    const { realm } = message;
    const send: Send = (target, event) => sender.send({ realm, target }, event, {}, undefined);
    return await runInContext(undefined, () => publish(message, send));
  };
}

async function publish(
  { ownerId, audience, event }: OperationMessage,
  send: Send,
): Promise<boolean> {
  const [first, ...others] = targetsOf(ownerId, audience);
  const quiet = withoutTables(event);
  const receipts = await Promise.all([
    sendFitting(first, event, send),
    ...others.map((target) => sendFitting(target, quiet, send)),
  ]);
  return receipts.every(({ status }) => status === 'accepted');
}

/** Everybody's channel is the owner's, too: they hear of it once. */
function targetsOf(userId: string, audience: OperationMessage['audience']): [Target, ...Target[]] {
  if (audience === 'tenant') return [{ kind: 'all' }];
  // What is no name of a role nobody holds.
  const roles = audience === 'owner' ? [] : [...new Set(audience.roles)].filter(isRole);
  return [{ kind: 'user', userId }, ...roles.map((role): Target => ({ kind: 'role', role }))];
}

/** Tables are refreshed for the whole realm: named once, or its pages would do it once for each channel. */
function withoutTables(event: OperationEvent): OperationEvent {
  const { tablesToRefresh: _, ...metadata } = event.metadata ?? {};
  return event.metadata ? { ...event, metadata } : event;
}

/** Without the result where the event would be too large with it: its end must be told. */
async function sendFitting(target: Target, event: OperationEvent, send: Send): Promise<Receipt> {
  try {
    return await send(target, event);
  } catch (error) {
    if (!(error instanceof PayloadTooLargeError) || event.type !== 'operation:complete')
      throw error;
    const { result: _, ...data } = event.data as OperationComplete;
    return await send(target, { ...event, data });
  }
}
