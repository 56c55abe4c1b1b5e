import { defineOperation, fromPg, type OperationSnapshot } from '@trunkline/nestjs';
import { Pool } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { operationIn, serveOperations } from '../../packages/nestjs/test/operations-harness.ts';
import { principalOf, tokenOf } from '../lab/operations/cast.ts';
import { Page } from '../lab/operations/page.ts';
import { needs, postgresForTests } from '../services/for-tests.ts';

const postgres = await postgresForTests();
const userImport = defineOperation('user-import');
const person = { tenant: 'acme', user: 'anna', tabs: 2 };

/** An application on a Postgres, whose connections race, and the gate that its work waits at. */
async function serve() {
  const pool = new Pool({ connectionString: await postgres.database(), max: 20 });
  onTestFinished(() => pool.end());
  const gate = Promise.withResolvers<string>();
  const work = vi.fn<() => Promise<string>>(() => gate.promise);
  const app = await serveOperations(
    'fastify',
    { database: fromPg(pool), http: { start: [userImport] } },
    { authenticate: ({ token }) => principalOf(token) },
    { handlers: (operations) => void operations.handle(userImport, work) },
  );
  return { app, work, end: gate.resolve };
}

test(
  '50 clicks with one idempotency key are one operation and one toast',
  needs(postgres),
  async () => {
    const { app, work, end } = await serve();
    const url = `${app.baseUrl}/connection/websocket`;
    const tabs = [new Page(url, person), new Page(url, person)];
    onTestFinished(() => {
      for (const tab of tabs) tab.close();
    });
    await vi.waitUntil(() => tabs.every(({ isLive }) => isLive), { timeout: 10_000 });

    const headers = { authorization: `Bearer ${tokenOf(person)}`, 'idempotency-key': 'click-1' };
    const click = () =>
      app.ask('/operations', '', { method: 'POST', body: { type: 'user-import' }, headers });
    const answers = await Promise.all(Array.from({ length: 50 }, click));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    const ids = new Set(answers.map((answer) => operationIn(answer).id));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;

    const toasts = () => tabs.flatMap(({ screen }) => [...screen.toasts.values()]);
    await vi.waitUntil(() => tabs.every(({ screen }) => screen.toasts.size > 0), {
      timeout: 10_000,
    });
    expect(toasts()).toMatchObject([{ kind: 'running' }, { kind: 'running' }]);
    end('done');
    await vi.waitUntil(() => toasts().every(({ kind }) => kind === 'success'), { timeout: 10_000 });
    // of the two tabs, one shows the end
    await vi.waitUntil(() => toasts().length === 1, { timeout: 10_000 });
    expect(work).toHaveBeenCalledOnce();
    expect(tabs.flatMap(({ witness }) => witness.regressions)).toEqual([]);

    const list = await app.ask('/operations', '', { headers });
    const { operations } = JSON.parse(list.text) as { operations: OperationSnapshot[] };
    expect(operations).toMatchObject([{ id, state: 'succeeded', result: 'done' }]);
  },
);
