import type { Database, Queryable } from '@trunkline/operations';

/** What a statement of the engine is for. */
export type StatementKind = 'insert' | 'progress' | 'end' | 'list' | 'seen' | 'lease' | 'other';

const KINDS: readonly (readonly [StatementKind, RegExp])[] = [
  ['insert', /^\s*insert into trunkline\.operations/],
  ['progress', /^\s*update trunkline\.operations\s+set percentage/],
  ['end', /^\s*update trunkline\.operations\s+set state = \$4::text/],
  ['list', /^\s*select[^]*order by id desc limit/],
  ['seen', /set seen_at = now/],
  ['lease', /trunkline\.workers/],
];
const WRITES = /^\s*(insert|update|delete|with dead)/;

/** Stands between the engine and a statement: may hold it, and lose its answer. */
export interface Interference {
  before(kind: StatementKind, parameters: readonly unknown[]): Promise<void>;
  after(kind: StatementKind, parameters: readonly unknown[]): Promise<void>;
}

/** A database that counts what the engine asks of it, and that a test can stand in the way of. */
export class WatchedDatabase implements Database {
  readonly counts: Record<StatementKind, number> = {
    insert: 0,
    progress: 0,
    end: 0,
    list: 0,
    seen: 0,
    lease: 0,
    other: 0,
  };
  /** `begin` and `commit` are statements too. */
  transactions = 0;
  /** Those that may change something. */
  writes = 0;
  /** How long each progress took to be written. */
  readonly progressMs: number[] = [];
  readonly #inner: Database;
  readonly #interference: Interference | null;

  constructor(inner: Database, interference: Interference | null = null) {
    this.#inner = inner;
    this.#interference = interference;
  }

  get isExclusive(): boolean {
    return this.#inner.isExclusive;
  }

  /** All of them. */
  get statements(): number {
    const counted = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    return counted + 2 * this.transactions;
  }

  async query(text: string, parameters: unknown[] = []): Promise<{ rows: unknown[] }> {
    return await this.#ask(this.#inner, text, parameters);
  }

  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    this.transactions += 1;
    return await this.#inner.transaction((transaction) =>
      work({ query: (text, parameters) => this.#ask(transaction, text, parameters ?? []) }),
    );
  }

  async #ask(
    database: Queryable,
    text: string,
    parameters: unknown[],
  ): Promise<{ rows: unknown[] }> {
    const kind = KINDS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
    this.counts[kind] += 1;
    if (WRITES.test(text)) this.writes += 1;
    await this.#interference?.before(kind, parameters);
    const begin = performance.now();
    const answer = await database.query(text, parameters);
    if (kind === 'progress') this.progressMs.push(performance.now() - begin);
    await this.#interference?.after(kind, parameters);
    return answer;
  }
}
