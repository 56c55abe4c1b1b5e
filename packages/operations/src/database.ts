/** Something that runs one SQL statement: a pool, a connection, a transaction. */
export interface Queryable {
  /** Resolves with the rows; parameters are `$1`, `$2`, … */
  query(text: string, parameters?: unknown[]): Promise<{ rows: unknown[] }>;
}

/**
 * The one seam to Postgres. Statements outside a transaction may run in any order on any connection;
 * those inside one run in order on one connection, and take effect together or not at all.
 */
export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
  /** Has this process the database for itself? Then whoever else has worked in it is dead. */
  readonly isExclusive: boolean;
}

/** A `Pool` of `pg`, as much of it as is needed here. */
export interface PgPool extends Queryable {
  connect(): Promise<PgConnection>;
}

/** A connection of such a pool, lent. */
interface PgConnection extends Queryable {
  release(error?: boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** The database behind a `Pool` of `pg`. The pool stays the app's: it is not closed here. */
export function fromPg(pool: PgPool): Database {
  return {
    isExclusive: false,
    query: (text, parameters) => pool.query(text, parameters),
    transaction: async (work) => {
      const connection = await pool.connect();
      // a connection that ends while it is lent says so to nobody else, and would end the process with it
      connection.on('error', ignore);
      let isClean = true;
      try {
        await connection.query('begin');
        const result = await work(connection);
        await connection.query('commit');
        return result;
      } catch (error) {
        isClean = await hasRolledBack(connection);
        throw error;
      } finally {
        connection.off('error', ignore);
        // one that cannot roll back is no good for whoever would get it next
        connection.release(!isClean);
      }
    },
  };
}

async function hasRolledBack(connection: Queryable): Promise<boolean> {
  return await connection.query('rollback').then(
    () => true,
    () => false,
  );
}

function ignore(): void {}

/** A PGlite, as much of it as is needed here. */
export interface Pglite extends Queryable {
  transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T>;
}

/**
 * The database inside a PGlite. It has one connection: a statement beside an open transaction waits for
 * that one's end, which is why `{ tx }` is there.
 */
export function fromPglite(pglite: Pglite): Database {
  return {
    isExclusive: true,
    query: (text, parameters) => pglite.query(text, parameters),
    transaction: (work) => pglite.transaction(work),
  };
}

/** A transaction or database of Drizzle, as much of it as is needed here. */
interface DrizzleTransaction {
  execute(query: never): PromiseLike<unknown>;
}

/** Drizzle's tag `sql`, as much of it as is needed here. */
interface DrizzleSql {
  (strings: TemplateStringsArray, ...parameters: unknown[]): unknown;
  param(value: unknown): unknown;
}

/** The connection below a transaction of Drizzle, for `{ tx }`: `fromDrizzle(tx, sql)`. */
export function fromDrizzle(transaction: DrizzleTransaction, sql: DrizzleSql): Queryable {
  return {
    query: async (text, parameters = []) => {
      // $1, $2, … become holes of the template, in the order in which the text has them
      const pieces = text.split(/\$(\d+)/);
      const strings = pieces.filter((_, index) => index % 2 === 0);
      const numbers = pieces.filter((_, index) => index % 2 === 1);
      const values = numbers.map((number) => sql.param(parameters[Number(number) - 1]));
      const template = Object.assign(strings, { raw: strings });
      const result = await transaction.execute(sql(template, ...values) as never);
      return result as { rows: unknown[] };
    },
  };
}
