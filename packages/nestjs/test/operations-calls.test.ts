// What pages ask of operations over their connection.
import {
  CANCEL_OPERATION_CALL,
  OPERATIONS_CALL,
  type OperationList,
  RETRY_OPERATION_CALL,
  SEEN_OPERATIONS_CALL,
} from '@trunkline/contract';
import { defineOperation, InvalidOperationError, runAs, UserFacingError } from '@trunkline/nestjs';
import { expect, test } from 'vitest';
import { ada, connected, serveApp } from './harness.ts';
import {
  bob,
  embeddedDatabase,
  gated,
  NO_ID,
  type OperationsApp,
  refusal,
  serveOperations,
} from './operations-harness.ts';

const store = embeddedDatabase();

const serve = (options: object = {}, changes: object = {}) =>
  serveOperations('express', { database: store.database, ...options }, changes);

async function listed(app: OperationsApp, who: string, filter?: unknown): Promise<OperationList> {
  const client = await connected(app, who);
  return (await client.rpc(OPERATIONS_CALL, filter)).data as OperationList;
}

test('a page reads the operations of its user, and is told the server’s time', async () => {
  const app = await serve();
  const { work, end } = gated();
  const own = await runAs(bob, () => app.operations.start('user-import', {}, work));
  await runAs(ada, () => app.operations.start('export', {}, work));
  const { operations, now, next } = await listed(app, 'bob', { state: 'active' });
  expect(operations).toEqual([await runAs(bob, () => app.operations.get(own.id))]);
  expect(Math.abs(now - Date.now())).toBeLessThan(60_000);
  expect(next).toBeUndefined();
  expect((await listed(app, 'bob')).operations).toHaveLength(1);
  expect((await listed(app, 'ada', { ownerId: 'bob' })).operations).toHaveLength(1);
  end(null);
});

test('a page cancels, tries again, and says what was seen', async () => {
  const app = await serve();
  app.operations.handle(defineOperation('import', { retryable: true }), ({ attempt }) => {
    if (attempt === 1) throw new UserFacingError('no', { retryable: true });
  });
  const { work, end } = gated();
  const running = await runAs(bob, () => app.operations.start('export', {}, work));
  const failed = await runAs(bob, () => app.operations.start('import'));
  await runAs(bob, () => app.operations.wait(failed.id));
  const client = await connected(app, 'bob');
  const ask = async (method: string, data: unknown) => (await client.rpc(method, data)).data;
  expect(await ask(SEEN_OPERATIONS_CALL, { ids: [failed.id, running.id, NO_ID] })).toBeNull();
  expect(await listed(app, 'bob', { type: 'import' })).toMatchObject({
    operations: [{ isSeen: true, isRetryable: true }],
  });
  expect(await ask(CANCEL_OPERATION_CALL, { id: running.id })).toMatchObject({
    id: running.id,
    state: 'cancelling',
  });
  expect(await ask(RETRY_OPERATION_CALL, { id: failed.id })).toMatchObject({ attempt: 2 });
  end(null);
});

test('what does not fit the state is 409, what is none of a filter 400, anything else 107', async () => {
  const app = await serve();
  const done = await runAs(bob, () => app.operations.start('export', {}, () => 1));
  await runAs(bob, () => app.operations.wait(done.id));
  const client = await connected(app, 'bob');
  expect(await refusal(client.rpc(CANCEL_OPERATION_CALL, { id: done.id }))).toEqual({
    code: 409,
    message: `${done.id} cannot be cancelled: it has ended: succeeded`,
  });
  expect((await refusal(client.rpc(RETRY_OPERATION_CALL, { id: done.id }))).code).toBe(409);
  const filters = [
    { state: 'done' },
    { limit: 1000 },
    { limit: '5' },
    { labels: [1] },
    { type: 7 },
  ];
  for (const filter of filters) {
    expect((await refusal(client.rpc(OPERATIONS_CALL, filter))).code).toBe(400);
  }
  const tooMany = Array.from({ length: 201 }, () => NO_ID);
  const malformed: [string, unknown][] = [
    [OPERATIONS_CALL, 'all'],
    [OPERATIONS_CALL, []],
    [CANCEL_OPERATION_CALL, {}],
    [CANCEL_OPERATION_CALL, { id: 7 }],
    [RETRY_OPERATION_CALL, done.id],
    [SEEN_OPERATIONS_CALL, {}],
    [SEEN_OPERATIONS_CALL, { ids: 'all' }],
    [SEEN_OPERATIONS_CALL, { ids: [7] }],
    [SEEN_OPERATIONS_CALL, { ids: tooMany }],
  ];
  for (const [method, data] of malformed) {
    expect(await refusal(client.rpc(method, data))).toEqual({ code: 107, message: 'bad request' });
  }
});

test('what is a mistake of the app’s is 100, and no word of it', async () => {
  const errors: unknown[] = [];
  const error = (...line: unknown[]) => void errors.push(line);
  const mayControl = () => {
    throw new InvalidOperationError('operations.handle(definition, work) is missing');
  };
  const app = await serve({ mayControl }, { log: { info: () => {}, warn: () => {}, error } });
  const { work, end } = gated();
  const { id } = await runAs(ada, () =>
    app.operations.start('export', { audience: 'tenant' }, work),
  );
  const client = await connected(app, 'bob');
  expect(await refusal(client.rpc(CANCEL_OPERATION_CALL, { id }))).toEqual({
    code: 100,
    message: 'internal server error',
  });
  expect(JSON.stringify(errors)).toContain('operations.handle(definition, work) is missing');
  end(null);
});

test('a retry that nobody here could do is refused in words for users', async () => {
  const app = await serve();
  const failing = () => Promise.reject(new UserFacingError('no', { retryable: true }));
  const forget = app.operations.handle(defineOperation('import', { retryable: true }), failing);
  const { id } = await runAs(bob, () => app.operations.start('import'));
  await runAs(bob, () => app.operations.wait(id));
  forget();
  const client = await connected(app, 'bob');
  const { code, message } = await refusal(client.rpc(RETRY_OPERATION_CALL, { id }));
  expect(code).toBe(409);
  expect(message).toMatch(/^Import cannot be tried again here/);
  expect(message).not.toContain('operations.');
});

test('a cancel that there is no space to answer is refused before it is done', async () => {
  const app = await serve({}, { limits: { fanOutBytesPerSecond: 1, fanOutBurstBytes: 1 } });
  const { work, end } = gated();
  const client = await connected(app, 'bob');
  const { id } = await runAs(bob, () => app.operations.start('export', {}, work));
  await client.rpc(OPERATIONS_CALL, {}).catch(() => {}); // this, or the news of it, has taken all there was
  expect((await refusal(client.rpc(CANCEL_OPERATION_CALL, { id }))).code).toBe(111);
  expect((await runAs(bob, () => app.operations.get(id))).state).toBe('running');
  end(null);
});

test('text that no database takes is nothing that an operation has, and no error of the server', async () => {
  const errors: string[] = [];
  const log = { info: () => {}, warn: () => {}, error: (message: string) => errors.push(message) };
  const app = await serve({}, { log });
  for (const text of ['\0', '\ud800', 'a\udfffb']) {
    for (const filter of [{ labels: { file: text } }, { labels: { [text]: 'x' } }]) {
      const client = await connected(app, 'bob');
      const answer = await client.rpc(OPERATIONS_CALL, filter).then(
        ({ data }) => (data as OperationList).operations.length,
        ({ code }) => code,
      );
      expect([0, 400]).toContain(answer);
    }
    const client = await connected(app, 'bob');
    expect((await client.rpc(SEEN_OPERATIONS_CALL, { ids: [text] })).data).toBeNull();
  }
  expect(errors).toEqual([]);
});

test('a long list leaves out the results, then breaks off, and says where it goes on', async () => {
  const app = await serve();
  const large = 'x'.repeat(15_000);
  await runAs(bob, async () => {
    for (let n = 0; n < 40; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await app.operations.run('export', {}, () => large);
    }
  });
  const few = await listed(app, 'bob', { limit: 3 });
  expect(few.operations.map(({ result }) => result)).toEqual([large, large, large]);
  const all = await listed(app, 'bob', { limit: 200 });
  expect(all.operations).toHaveLength(40);
  expect(all.operations.filter((operation) => 'result' in operation)).toEqual([]);

  await store.database.query('update trunkline.operations set message = $1', ['y'.repeat(9_000)]);
  const seen: string[] = [];
  let before: string | undefined;
  do {
    // oxlint-disable-next-line no-await-in-loop -- each says where the next one begins
    const page = await listed(app, 'bob', { limit: 200, ...(before ? { before } : {}) });
    expect(JSON.stringify(page).length).toBeLessThan(256 * 1024);
    seen.push(...page.operations.map(({ id }) => id));
    before = page.next;
  } while (before);
  expect(seen).toEqual(all.operations.map(({ id }) => id));
});

test('a list fits into a queue that is smaller than usual', async () => {
  const app = await serve(
    {},
    { limits: { maxQueuedBytes: 16 * 1024, maxRecoveryBytes: 8 * 1024 } },
  );
  await runAs(bob, async () => {
    for (let n = 0; n < 5; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      await app.operations.run('export', { completed: 'y'.repeat(900) }, () => 'x'.repeat(4_000));
    }
  });
  const page = await listed(app, 'bob');
  expect(page.operations.length).toBeGreaterThan(0);
  expect(JSON.stringify(page).length).toBeLessThan(8 * 1024);
});

test('who is anonymous sees what is everybody’s, and nothing else', async () => {
  const app = await serve();
  const { work, end } = gated();
  await runAs(bob, () => app.operations.start('export', {}, work));
  const shared = await runAs(bob, () =>
    app.operations.start('export', { audience: 'tenant' }, work),
  );
  const client = await connected(app, 'anonymous');
  const { data } = await client.rpc(OPERATIONS_CALL, {});
  expect((data as OperationList).operations.map(({ id }) => id)).toEqual([shared.id]);
  expect((await refusal(client.rpc(CANCEL_OPERATION_CALL, { id: shared.id }))).code).toBe(409);
  end(null);
});

test('without operations these calls are methods that nobody answers', async () => {
  const app = await serveApp('express');
  const client = await connected(app, 'ada');
  for (const method of [OPERATIONS_CALL, CANCEL_OPERATION_CALL, RETRY_OPERATION_CALL]) {
    expect(await refusal(client.rpc(method, {}))).toEqual({
      code: 104,
      message: 'method not found',
    });
  }
});
