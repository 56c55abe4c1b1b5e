import type { Database, Queryable } from './database.ts';
import { OperationStoreError } from './errors.ts';

/** A database whose failures are `OperationStoreError`s, with the driver's own error as their cause. */
export function withNamedFailures(database: Database): Database {
  return {
    isExclusive: database.isExclusive,
    query: (text, parameters) => named(() => database.query(text, parameters)),
    transaction: (work) => transaction(database, work),
  };
}

async function transaction<T>(
  database: Database,
  work: (transaction: Queryable) => Promise<T>,
): Promise<T> {
  let ofWork: unknown;
  const working = async (inner: Queryable) => {
    try {
      return await work({ query: (...statement) => named(() => inner.query(...statement)) });
    } catch (error) {
      ofWork = error;
      throw error;
    }
  };
  try {
    return await database.transaction(working);
  } catch (error) {
    throw error === ofWork ? error : failure(error);
  }
}

async function named<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw failure(error);
  }
}

function failure(cause: unknown): OperationStoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OperationStoreError(`The database of the operations failed: ${why}`, { cause });
}
