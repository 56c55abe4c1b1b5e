import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { OperationStoreError, type Progress } from '@trunkline/operations';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { needs, ownPostgresForTests } from '../../../test/services/for-tests.ts';
import type { PostgresServer } from '../../../test/services/postgres.ts';
import { ControlledWork } from './controlled-work.ts';
import { openEngine } from './engine.ts';
import { expectSoon } from './expect-soon.ts';
import type { OwnerProcessOptions } from './owner-process.ts';
import { isOf, newUser, sql, type TestStore, tenantOf } from './store.ts';
import { openPostgresStore } from './stores.ts';

const own = ownPostgresForTests();
const limits = { databaseTimeoutMs: 500, endWaitMs: 300, leaseMs: 2000 };

/** Ways in which a real Postgres goes away, and comes back. */
const AWAY = {
  crashes: {
    go: (server: PostgresServer) => server.crash(),
    back: (server: PostgresServer) => server.start(),
  },
  'is frozen': {
    go: async (server: PostgresServer) => server.pause(),
    back: async (server: PostgresServer) => server.resume(),
  },
};

describe('a Postgres', needs(own), () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await own.start();
  });

  async function openStore(): Promise<TestStore> {
    const store = await openPostgresStore(server.url);
    onTestFinished(() => store.close());
    return store;
  }

  describe.each(Object.entries(AWAY))('that %s', (_, { go, back }) => {
    test('before an operation is stored: the caller is told, and nothing is left', async () => {
      const store = await openStore();
      const { operations, outlet } = await openEngine(store, { limits });
      const as = newUser();
      await go(server);
      const starting = operations.start('import', { as }, () => 1);
      await expect(starting).rejects.toThrow(OperationStoreError);
      await back(server);
      const count =
        'select count(*)::integer as count from trunkline.operations where tenant_id = $1';
      await expectSoon(() => sql(store, count, [tenantOf(as)]).catch(() => 'away')).toEqual([
        { count: 0 },
      ]);
      expect(outlet.messages.filter(isOf(as))).toEqual([]);
      await expectSoon(() => operations.run('import', { as }, () => 2).catch(() => 'away')).toBe(2);
    });

    test('while it works: the work goes on, the end comes when it is back, once', async () => {
      const store = await openStore();
      const { operations, outlet } = await openEngine(store, { limits });
      const as = newUser();
      const controlled = new ControlledWork<string>();
      const running = operations.run('import', { as }, controlled.work);
      const op = await controlled.begun;
      await op.progress({ percentage: 10 });
      await outlet.until(({ event }) => (event.data as Progress).percentage === 10);
      await go(server);
      for (const percentage of [20, 30, 40]) await op.progress({ percentage });
      controlled.succeed('done');
      expect(await running).toBe('done');
      await back(server);
      await outlet.state(op.id, 'succeeded');
      const told = outlet.of(op.id).map(({ data }) => data.state);
      expect(told.filter((state) => state === 'succeeded')).toHaveLength(1);
      expect(told.at(-1)).toBe('succeeded');
      expect(await operations.get(op.id, { as })).toMatchObject({
        state: 'succeeded',
        result: 'done',
        attempt: 1,
      });
    });

    test('for longer than a lease: nobody is taken for dead', async () => {
      const store = await openStore();
      const [first, second] = [
        await openEngine(store, { limits }),
        await openEngine(await openStore(), { limits }),
      ];
      const as = newUser();
      const controlled = new ControlledWork();
      const { id } = await first.operations.start('import', { as }, controlled.work);
      const { signal } = await controlled.begun;
      await go(server);
      await new Promise((resolve) => setTimeout(resolve, 1.2 * limits.leaseMs));
      await back(server);
      await new Promise((resolve) => setTimeout(resolve, limits.leaseMs));
      await expectSoon(() => second.operations.get(id, { as }).catch(() => 'away')).toMatchObject({
        state: 'running',
      });
      expect(signal.aborted).toBe(false);
      controlled.succeed('done');
      await first.outlet.state(id, 'succeeded');
      expect(second.outlet.messages).toEqual([]);
    });
  });

  test('that crashes inside a transaction of ours ends the transaction, not the process', async () => {
    const { database } = await openStore();
    const transaction = database.transaction(async (tx) => {
      await tx.query('select 1');
      await server.crash();
      // the connection’s end arrives while nothing is being asked
      await new Promise((resolve) => setTimeout(resolve, 100));
      await tx.query('select 2');
    });
    await expect(transaction).rejects.toThrow(/Connection|connection|terminat/);
    await server.start();
    await expectSoon(() =>
      database.query('select 3 as three').then(({ rows }) => rows, String),
    ).toEqual([{ three: 3 }]);
  });

  test('what a killed process ran has crashed within its lease and a round', async () => {
    const store = await openStore();
    const as = newUser();
    const url = server.url;
    const { child, ids } = await ownerProcess({ url, as, count: 20, leaseMs: limits.leaseMs });
    const { outlet, operations } = await openEngine(store, { limits });
    const since = performance.now();
    child.kill('SIGKILL');
    await Promise.all(ids.map((id) => outlet.state(id, 'crashed')));
    // the lease, two rounds of a sixth of it, and a machine that has other things to do
    expect(performance.now() - since).toBeLessThan(1.5 * limits.leaseMs + 3000);
    const { operations: all } = await operations.list({}, { as });
    expect(all).toHaveLength(20);
    for (const { state, seq } of all) expect([state, seq]).toEqual(['crashed', 2]);
  });

  test('a process that was frozen for longer than its lease is told when it is back', async () => {
    const store = await openStore();
    const as = newUser();
    const url = server.url;
    const { child, ids } = await ownerProcess({ url, as, count: 2, leaseMs: limits.leaseMs });
    const { outlet, operations } = await openEngine(store, { limits });
    child.kill('SIGSTOP');
    await Promise.all(ids.map((id) => outlet.state(id, 'crashed')));
    child.kill('SIGCONT');
    const [aborted] = (await once(child, 'message')) as [{ aborted: string }];
    expect(aborted).toEqual({ aborted: 'LEASE_LOST' });
    const { operations: all } = await operations.list({}, { as });
    for (const { state, seq } of all) expect([state, seq]).toEqual(['crashed', 2]);
  });
});

/** A process that runs operations until it is killed. */
async function ownerProcess(
  options: OwnerProcessOptions,
): Promise<{ child: ChildProcess; ids: string[] }> {
  const file = fileURLToPath(new URL('./owner-process.ts', import.meta.url));
  const child = fork(file, [JSON.stringify(options)], {
    execArgv: ['--conditions=@trunkline/source'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [{ ids }] = (await once(child, 'message')) as [{ ids: string[] }];
  return { child, ids };
}
