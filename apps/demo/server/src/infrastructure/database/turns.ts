import type { Pool } from 'pg';

/** Does a piece of work when nobody else does one. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Any number, as long as it stays the same: all nodes of a database take turns at it. */
const LOCK = 5_204_118_937;
const LIMIT = '30s';

/** Work takes turns within this process. */
export function turnsHere(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return async (work) => {
    const before = last;
    const { promise, resolve } = Promise.withResolvers<void>();
    last = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  };
}

/** Work takes turns among all nodes of a Postgres. A node that dies gives its turn back; one that hangs is waited for 30 s. */
export function turnsOnPostgres(pool: Pool): InTurn {
  // One connection for all who wait here: they would leave none for those who work.
  const here = turnsHere();
  return (work) => here(() => whileLocked(pool, work));
}

async function whileLocked<T>(pool: Pool, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect();
  // Unheard it would end this process. The work meets a database that is away by itself.
  client.on('error', ({ message }) =>
    console.error(`Postgres closed a connection, and a turn ended before its work: ${message}`),
  );
  try {
    await client.query(`set lock_timeout = '${LIMIT}'`);
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    return await work();
  } finally {
    client.release(true); // the lock goes with the connection
  }
}
