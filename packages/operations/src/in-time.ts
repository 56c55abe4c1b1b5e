import { OperationStoreError } from './errors.ts';

/**
 * Waits for the database, but not for ever: on PGlite a statement beside an open transaction waits for its
 * end, and whoever waits inside that transaction would wait for themselves. What was asked goes on.
 */
export async function inTime<T>(limitMs: number, asking: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new OperationStoreError(
        `The database did not answer within ${limitMs} ms. On PGlite nothing is answered while a transaction of yours is open: pass it as { tx }, or ask behind it`,
      ),
    );
  }, limitMs);
  try {
    return await Promise.race([asking, promise]);
  } finally {
    clearTimeout(timer);
  }
}
