import type { OperationSnapshot } from '@trunkline/contract';
import type { Database } from './database.ts';
import type { Engine } from './engine.ts';
import { OperationStateError } from './errors.ts';
import type { OperationRow } from './row.ts';
import { retryOperation } from './transitions.ts';

/** What an operation is tried again with. */
export interface RetryContext {
  readonly database: Database;
  readonly engine: Engine;
}

/** Begins the next attempt of an operation that has ended, here or in the queue; `null`: it cannot be. */
export async function beginAgain(
  { id, type, label, state, isDurable }: OperationSnapshot,
  context: RetryContext,
): Promise<OperationRow | null> {
  if (isDurable) return await requeue(id, context);
  if (context.engine.handlers.get(type)) return await rerun(id, context);
  const message = `${label} cannot be tried again here: this server does not know how it is done`;
  throw new OperationStateError('NOT_RETRYABLE', state, message);
}

async function requeue(
  id: string,
  { database, engine }: RetryContext,
): Promise<OperationRow | null> {
  const row = await database.transaction(async (transaction) => {
    const queued = await retryOperation(transaction, id, null);
    if (queued) await engine.queue.addWithin([queued], transaction);
    return queued;
  });
  if (!row) return null;
  engine.announce([row]);
  await engine.queue.addBehind([row], database);
  return row;
}

async function rerun(id: string, { database, engine }: RetryContext): Promise<OperationRow | null> {
  const row = await engine.withLease((workerId) => retryOperation(database, id, workerId));
  if (row) engine.runHandler(row);
  return row;
}

/** Why an operation is not tried again. */
export function notRetryable({ label, state }: OperationSnapshot): OperationStateError {
  const message = `${label} cannot be tried again: it is ${state}, or was not made for that`;
  return new OperationStateError('NOT_RETRYABLE', state, message);
}
