import type { OperationMessage, Queryable } from '@trunkline/operations';
import { readSeq } from './store.ts';

const PATIENCE_MS = 300;

/** What a check of events against their rows came to. */
export interface RowCheckReport {
  readonly checked: number;
  /** The database did not say. */
  readonly unanswered: number;
  /** Events of updates that were not in the database yet. */
  readonly ahead: readonly string[];
}

/** Looks, before an event is published, whether its update is in the database: the row comes first. */
export class RowCheck {
  readonly #database: Queryable;
  readonly #ahead: string[] = [];
  #checked = 0;
  #unanswered = 0;

  constructor(database: Queryable) {
    this.#database = database;
  }

  get report(): RowCheckReport {
    return { checked: this.#checked, unanswered: this.#unanswered, ahead: this.#ahead };
  }

  async check({ event }: OperationMessage): Promise<void> {
    const { operationId, seq = 0 } = event.data;
    const stored = await this.#seqOf(operationId);
    this.#checked += 1;
    if (stored === undefined) this.#unanswered += 1;
    else if ((stored ?? 0) < seq) {
      const { type } = event;
      this.#ahead.push(`${operationId}: ${type} of seq ${seq}, and its row says ${stored}`);
    }
  }

  /** `undefined`: the database is away. */
  async #seqOf(id: string): Promise<number | null | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
    const reading = readSeq(this.#database, id).catch(() => undefined);
    const seq = await Promise.race([reading, promise]);
    clearTimeout(timer);
    return seq;
  }
}
