// Work that no two nodes may do at the same time, on a Postgres that may go away meanwhile.
import { Pool } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { turnsOnPostgres } from '@/infrastructure/database/turns';
import { needs, postgresForTests } from '../../../../test/services/for-tests.ts';

const postgres = await postgresForTests();

test(
  'when Postgres ends the connection of a turn the work goes on, and the next has its turn',
  needs(postgres),
  async () => {
    const pool = new Pool({ connectionString: await postgres.database() });
    pool.on('error', () => {});
    onTestFinished(() => pool.end());
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => logged.mockRestore());
    const inTurn = turnsOnPostgres(pool);
    const done = await inTurn(async () => {
      const { rowCount } = await pool.query(
        `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
         and database = (select oid from pg_database where datname = current_database())`,
      );
      await vi.waitUntil(() => logged.mock.calls.length > 0);
      return rowCount;
    });
    expect(done).toBe(1);
    expect(logged.mock.calls[0]).toEqual([expect.stringMatching(/a turn ended before its work/)]);
    expect(await inTurn(async () => 'next')).toBe('next');
  },
);
