import type { Queryable } from './database.ts';
import { describeError, type OperationLog } from './log.ts';
import type { OperationRow } from './row.ts';
import type { Runner } from './runner.ts';

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** Puts durable operations that wait into the runner's queue. What gets lost there is put there again. */
export class DurableQueue {
  readonly #runner: Runner | null;
  readonly #log: OperationLog;

  constructor(runner: Runner | null, log: OperationLog) {
    this.#runner = runner;
    this.#log = log;
  }

  /** With the row's own transaction, where the queue can take part in it. */
  async addWithin(rows: readonly OperationRow[], transaction: Queryable): Promise<void> {
    if (!this.#runner?.isTransactional) return;
    for (const row of rows) {
      // oxlint-disable-next-line no-await-in-loop -- one connection
      if (isWaiting(row)) await this.#add(this.#runner, row, transaction);
    }
  }

  /** When the transaction has committed, where the queue could not take part in it. */
  async addBehind(rows: readonly OperationRow[], database: Queryable): Promise<void> {
    if (this.#runner && !this.#runner.isTransactional) await this.add(rows, database);
  }

  /** Whatever kind of queue it is. Never rejects: what fails is put there by the next round. */
  async add(rows: readonly OperationRow[], database: Queryable): Promise<void> {
    const runner = this.#runner;
    if (!runner) return;
    const adding = rows.filter(isWaiting).map(async (row) => {
      try {
        await this.#add(runner, row, database);
      } catch (error) {
        const { id: operation } = row.snapshot;
        this.#log.warn('operation_not_queued', { operation, error: describeError(error) });
      }
    });
    await Promise.all(adding);
  }

  async #add(
    runner: Runner,
    { snapshot, realm }: OperationRow,
    database: Queryable,
  ): Promise<void> {
    const { id: operationId, attempt, type } = snapshot;
    await runner.enqueue(
      { operationId, attempt, type, realm, delayMs: delayOf(attempt) },
      database,
    );
  }
}

function isWaiting({ snapshot }: OperationRow): boolean {
  return snapshot.isDurable && snapshot.state === 'queued';
}

/** What has failed is not tried again at once, and each time later. */
function delayOf(attempt: number): number {
  return attempt === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 2), LONGEST_PAUSE_MS);
}
