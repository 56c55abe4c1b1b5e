import type { AttemptJournal } from './attempt-options.ts';
import type { Queryable } from './database.ts';
import { describeError, type OperationLog } from './log.ts';
import type { OperationRow } from './row.ts';
import { type Ending, endOperation, type Tenure } from './transitions.ts';

/**
 * Writes the end of work into the transaction that the work itself is part of: both take effect, or neither.
 * Progress is not told, because nobody can see the operation before the transaction commits.
 */
export class TransactionJournal implements AttemptJournal {
  readonly #tenure: Tenure;
  readonly #transaction: Queryable;
  readonly #log: OperationLog;

  constructor(tenure: Tenure, transaction: Queryable, log: OperationLog) {
    this.#tenure = tenure;
    this.#transaction = transaction;
    this.#log = log;
  }

  note(): void {}

  mute(): void {}

  stop(): void {}

  /** `null`: a statement of the transaction has failed, and it cannot commit any more. */
  async end(ending: Ending): Promise<OperationRow | null> {
    try {
      return await endOperation(this.#transaction, this.#tenure, {}, ending, 1);
    } catch (error) {
      const { id: operation } = this.#tenure;
      this.#log.info('operation_not_ended', { operation, error: describeError(error) });
      return null;
    }
  }
}
