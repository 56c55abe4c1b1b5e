import type { Database, Queryable } from './database.ts';
import { IdempotencyConflictError, OperationStoreError, TooManyOperationsError } from './errors.ts';
import { inTime } from './in-time.ts';
import type { OperationRow } from './row.ts';
import {
  type ActiveLimits,
  countActive,
  findByIdempotencyKey,
  insertOperation,
  type NewOperation,
  releaseIdempotencyKey,
} from './store.ts';

/** An operation that a call has got: a new one, or the one that its idempotency key has started before. */
export interface Registered {
  readonly row: OperationRow;
  readonly isNew: boolean;
}

/** What new operations are stored with. */
export interface RegistrationContext {
  readonly limits: ActiveLimits;
  /** How long a key means the same operation, when that has ended. */
  readonly idempotencyWindowMs: number;
  /** Who the worker is when it has a lease; absent in a transaction of the app, which is seen when it has one. */
  readonly leasedWorker?: () => Promise<string>;
  /** Runs inside the same transaction, where the caller has one. */
  readonly onStored: (row: OperationRow, database: Queryable) => Promise<void>;
}

const MAX_TRIES = 5;

/** Stores a new operation, or finds the one that its idempotency key stands for. */
export async function register(
  database: Queryable,
  operation: NewOperation,
  context: RegistrationContext,
): Promise<Registered> {
  const { limits, leasedWorker, onStored } = context;
  let { workerId } = operation;
  const isLeaseNeeded = workerId !== null && leasedWorker !== undefined;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const conditions = { ...limits, isLeaseNeeded };
    // oxlint-disable-next-line no-await-in-loop -- again only when somebody came between
    const row = await insertOperation(database, { ...operation, workerId }, conditions);
    if (row) {
      // oxlint-disable-next-line no-await-in-loop -- once
      await onStored(row, database);
      return { row, isNew: true };
    }
    // oxlint-disable-next-line no-await-in-loop
    const earlier = await findEarlier(database, operation, context);
    if (earlier) return { row: earlier, isNew: false };
    // oxlint-disable-next-line no-await-in-loop
    if (isLeaseNeeded) workerId = await leasedWorker();
  }
  throw new OperationStoreError(
    `Could not store a ${operation.type}: its idempotency key is in dispute, or this process loses its lease again and again`,
  );
}

/** The operation with the same key; `null`: nothing is in the way now, try again. */
async function findEarlier(
  database: Queryable,
  operation: NewOperation,
  { limits, idempotencyWindowMs }: RegistrationContext,
): Promise<OperationRow | null> {
  const hasKey = operation.idempotencyKey !== null;
  // before it is looked for: of many that come when the window is over, one lets go and starts anew
  if (hasKey && (await releaseIdempotencyKey(database, operation, idempotencyWindowMs)))
    return null;
  const found = hasKey ? await findByIdempotencyKey(database, operation) : null;
  if (!found) {
    await refuseTooMany(database, operation, limits);
    return null;
  }
  if (!found.isSameInput) throw new IdempotencyConflictError(operation.type);
  return found.row;
}

async function refuseTooMany(
  database: Queryable,
  { owner, parentId }: NewOperation,
  { perUser, perRealm }: ActiveLimits,
): Promise<void> {
  if (parentId !== null) return;
  const { ofUser, ofRealm } = await countActive(database, owner);
  if (ofUser >= perUser) throw new TooManyOperationsError('user', perUser);
  if (ofRealm >= perRealm) throw new TooManyOperationsError('tenant', perRealm);
}

/** Waits so long for what is being stored; `onUnwanted`: it may be stored, and the caller was told that it is not. */
export async function storedInTime(
  limitMs: number,
  storing: Promise<Registered>,
  onUnwanted: () => void,
): Promise<Registered> {
  let isWanted = true;
  storing.then(
    ({ isNew }) => (isNew && !isWanted ? onUnwanted() : undefined),
    // the answer may have got lost on its way back
    (error: unknown) => (error instanceof OperationStoreError ? onUnwanted() : undefined),
  );
  try {
    return await inTime(limitMs, storing);
  } catch (error) {
    isWanted = false;
    throw error;
  }
}

/** In a transaction where something else has to go with it. */
export async function inTransactionIf<T>(
  isNeeded: boolean,
  database: Database,
  work: (database: Queryable) => Promise<T>,
): Promise<T> {
  return isNeeded ? await database.transaction(work) : await work(database);
}
