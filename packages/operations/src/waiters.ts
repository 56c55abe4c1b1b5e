import { isTerminal } from '@trunkline/contract';
import type { Database } from './database.ts';
import { OperationNotFoundError } from './errors.ts';
import { inTime } from './in-time.ts';
import type { OperationRow } from './row.ts';
import { findOperation } from './store.ts';

/** What runs in this process wakes who waits for it; for what runs elsewhere the store is asked. */
const ASK_EVERY_MS = 500;

/** Those who wait for the end of operations. */
export class Waiters {
  readonly #database: Database;
  readonly #databaseTimeoutMs: number;
  #isClosed = false;
  readonly #wakers = new Map<string, Set<() => void>>();

  constructor(database: Database, databaseTimeoutMs: number) {
    this.#database = database;
    this.#databaseTimeoutMs = databaseTimeoutMs;
  }

  /** Something has become of an operation. */
  wake(id: string): void {
    for (const wake of this.#wakers.get(id) ?? []) wake();
  }

  /** Nobody waits any longer: the process stops. */
  close(): void {
    this.#isClosed = true;
    for (const id of this.#wakers.keys()) this.wake(id);
  }

  /**
   * The operation when it has ended, or as it is after so many milliseconds, or when nobody wants to know any
   * more. Rejects when it is gone.
   */
  async ended(row: OperationRow, timeoutMs: number, signal?: AbortSignal): Promise<OperationRow> {
    const until = performance.now() + timeoutMs;
    let latest = row;
    while (!isTerminal(latest.snapshot.state)) {
      const restMs = until - performance.now();
      if (restMs <= 0 || this.#isClosed || signal?.aborted) break;
      const { id } = row.snapshot;
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await this.#news(id, Math.min(restMs, ASK_EVERY_MS), signal);
      // oxlint-disable-next-line no-await-in-loop
      const found = await inTime(this.#databaseTimeoutMs, findOperation(this.#database, id));
      if (!found) throw new OperationNotFoundError(id);
      latest = found;
    }
    return latest;
  }

  async #news(id: string, waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const leave = () => resolve();
    signal?.addEventListener('abort', leave);
    const wakers = this.#wakers.get(id) ?? new Set();
    this.#wakers.set(id, wakers.add(resolve));
    const timer = setTimeout(resolve, waitMs);
    await promise;
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
    wakers.delete(resolve);
    if (wakers.size === 0) this.#wakers.delete(id);
  }
}
