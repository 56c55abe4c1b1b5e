import type { Database, Queryable } from './database.ts';
import { describeError, type OperationLog } from './log.ts';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1000;
const NO_SUCH_TRANSACTION = '22023';

/** The number of the transaction that a statement runs in. */
export async function transactionId(transaction: Queryable): Promise<string> {
  const { rows } = await transaction.query('select pg_current_xact_id()::text as id');
  return (rows[0] as { id: string }).id;
}

/**
 * Waits for the end of a transaction of somebody else; `false`: it was rolled back. On PGlite the first
 * question waits until it is over.
 */
export async function isCommitted(
  database: Database,
  id: string,
  { log, signal }: { readonly log: OperationLog; readonly signal: AbortSignal },
): Promise<boolean> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
    // oxlint-disable-next-line no-await-in-loop -- one question after the other
    const status = await statusOf(database, id, log);
    if (status === 'committed') return true;
    if (status !== 'in progress') return false;
    // oxlint-disable-next-line no-await-in-loop -- with a pause between them
    await new Promise((resolve) => setTimeout(resolve, pauseMs).unref());
    pauseMs = Math.min(1.5 * pauseMs, LONGEST_PAUSE_MS);
  }
  return false;
}

/** `null`: the transaction is so old that nobody knows any more. */
async function statusOf(database: Database, id: string, log: OperationLog): Promise<string | null> {
  try {
    const { rows } = await database.query('select pg_xact_status($1::text::xid8) as status', [id]);
    return (rows[0] as { status: string | null }).status;
  } catch (error) {
    // A crash of the database has taken it: its number has not been given to anybody yet.
    if (sqlStateOf(error) === NO_SUCH_TRANSACTION) return 'aborted';
    // The database is away; what happened to the transaction it says when it is back.
    log.warn('operation_round_failed', { what: 'commit', error: describeError(error) });
    return 'in progress';
  }
}

function sqlStateOf(error: unknown): unknown {
  const { cause = error } = error as Error;
  return (cause as { code?: unknown } | null)?.code;
}
