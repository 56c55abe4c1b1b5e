import type { Database, Queryable } from '@trunkline/operations';

/** What happens to a statement on its way: it is refused, it waits, or its answer gets lost. */
type Fault = 'refuses' | 'hangs' | 'loses answers';

/**
 * A database that is away when a test says so, and that counts what it is asked. Each engine of a test has
 * its own, over one that they share: so one process can be cut off and the others not.
 */
export class FaultyDatabase implements Database {
  readonly isExclusive: boolean;
  readonly statements: string[] = [];
  readonly #inner: Database;
  #fault: Fault | null = null;
  #only = /./;
  #healed = Promise.withResolvers<void>();
  #inFlight = new Set<Promise<unknown>>();

  constructor(inner: Database, { isExclusive = false } = {}) {
    this.#inner = inner;
    this.isExclusive = isExclusive;
  }

  /** From now on nothing of this kind gets through, or no answer back. */
  break(fault: Fault, only: RegExp = /./): void {
    this.#fault = fault;
    this.#only = only;
  }

  /** What hangs goes on. */
  heal(): void {
    this.#fault = null;
    this.#healed.resolve();
    this.#healed = Promise.withResolvers();
  }

  /** New statements get through; what hangs, hangs for ever. */
  strand(): void {
    this.#fault = null;
    this.#healed = Promise.withResolvers();
  }

  /** How many statements there were that say this. */
  count(pattern: RegExp): number {
    return this.statements.filter((text) => pattern.test(text)).length;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- an answer may lead to the next question
    while (this.#inFlight.size > 0) await Promise.allSettled(this.#inFlight);
  }

  query(text: string, parameters?: unknown[]): Promise<{ rows: unknown[] }> {
    this.statements.push(text);
    return this.#watch(this.#pass(text, () => this.#inner.query(text, parameters)));
  }

  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const counted = (transaction: Queryable) => work(this.#counting(transaction));
    return this.#watch(this.#pass('begin', () => this.#inner.transaction(counted)));
  }

  #counting(transaction: Queryable): Queryable {
    return {
      query: (text, parameters) => {
        this.statements.push(text);
        return transaction.query(text, parameters);
      },
    };
  }

  async #pass<T>(text: string, act: () => Promise<T>): Promise<T> {
    const isMeant = () => this.#fault !== null && this.#only.test(text);
    if (!isMeant()) return await act();
    if (this.#fault === 'refuses') throw new Error('connect ECONNREFUSED 192.0.2.1:5432');
    if (this.#fault === 'loses answers') {
      await act();
      throw new Error('Connection terminated unexpectedly');
    }
    do {
      // oxlint-disable-next-line no-await-in-loop -- until it is let through
      await this.#healed.promise;
    } while (isMeant());
    return await act();
  }

  async #watch<T>(asking: Promise<T>): Promise<T> {
    this.#inFlight.add(asking);
    try {
      return await asking;
    } finally {
      this.#inFlight.delete(asking);
    }
  }
}
