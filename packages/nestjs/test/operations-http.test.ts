// The HTTP twin of the operations, and what an app's own controllers start.
import { Body, Controller, Post, UseFilters, UseGuards, VersioningType } from '@nestjs/common';
import {
  currentPrincipal,
  type Database,
  defineOperation,
  IdempotencyKey,
  OperationErrorFilter,
  Operations,
  PrincipalGuard,
  runAs,
  StartsOperation,
  UserFacingError,
} from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ada, platforms } from './harness.ts';
import {
  type Answer,
  bob,
  dan,
  embeddedDatabase,
  gated,
  NO_ID,
  type OperationsApp,
  operationIn,
  serveOperations,
} from './operations-harness.ts';

const store = embeddedDatabase();

const userImport = defineOperation('user-import', {
  label: 'Import of users',
  input: z.object({ fileId: z.string() }),
  retryable: true,
});
const reindex = defineOperation('reindex');

/** A service of the app that does that work. */
const reindexing = (work: () => unknown = () => null) => ({
  handlers: (operations: Operations) => void operations.handle(reindex, work),
});

type Options = Parameters<OperationsApp['operations']['start']>[1];

/** Starts one as somebody, with work that goes on until it is told to end. */
async function running(app: OperationsApp, who: Principal, type: string, options: Options = {}) {
  const gate = gated();
  const operation = await runAs(who, () => app.operations.start(type, options, gate.work));
  return { ...gate, id: operation.id };
}

async function ended(app: OperationsApp, who: Principal, type: string, options: Options = {}) {
  const { id, end } = await running(app, who, type, options);
  end(null);
  await runAs(who, () => app.operations.wait(id));
  return id;
}

const idsIn = ({ text }: Answer) =>
  (JSON.parse(text) as { operations: { id: string }[] }).operations.map(({ id }) => id);
const messageIn = ({ text }: Answer) => (JSON.parse(text) as { message: string }).message;

describe.each(platforms)('on %s', (platform) => {
  const serve = (options: object = {}, extras: object = {}) =>
    serveOperations(platform, { database: store.database, ...options }, {}, extras);

  describe('the list', () => {
    test('has what the caller may see, newest first, and says where it goes on', async () => {
      const app = await serve();
      const first = await ended(app, ada, 'user-import');
      const second = await ended(app, ada, 'user-import');
      await ended(app, bob, 'export');
      const third = await ended(app, dan, 'export', { audience: 'tenant' });
      const page = await app.ask('/operations?limit=2', 'ada');
      expect(page.status).toBe(200);
      expect(idsIn(await app.ask('/operations', 'ada'))).toHaveLength(4); // an admin sees bob's, too
      expect(idsIn(await app.ask('/operations', 'bob'))).toHaveLength(2);
      expect(idsIn(await app.ask('/operations', 'dan'))).toEqual([third]);
      const { next } = JSON.parse(page.text) as { next: string };
      expect(idsIn(await app.ask(`/operations?before=${next}`, 'ada'))).toEqual([second, first]);
    });

    test('is narrowed by each of its parameters', async () => {
      const app = await serve();
      const own = await ended(app, ada, 'user-import', { labels: { file: 'a b&c.csv', of: 'hr' } });
      const other = await ended(app, bob, 'export', { labels: { of: 'hr' } });
      const active = await running(app, ada, 'export');
      const ask = async (query: string) => idsIn(await app.ask(`/operations?${query}`, 'ada'));
      expect(await ask('state=active')).toEqual([active.id]);
      expect(await ask('state=succeeded')).toEqual([other, own]);
      expect(await ask('type=export')).toEqual([active.id, other]);
      expect(await ask('owner=me&state=ended')).toEqual([own]);
      expect(await ask('ownerId=bob')).toEqual([other]);
      expect(await ask(`before=${other}`)).toEqual([own]);
      expect(await ask('labels[of]=hr')).toEqual([other, own]);
      expect(await ask(new URLSearchParams({ 'labels[file]': 'a b&c.csv' }).toString())).toEqual([
        own,
      ]);
      expect(await ask('labels[of]=hr&labels[file]=x')).toEqual([]);
      expect(await ask(`parentId=${own}`)).toEqual([]);
      active.end(null);
    });

    test.each([
      ['state=done', 'state is active, ended or one of queued, running, cancelling'],
      ['state=active&state=ended', 'state stands twice in the query'],
      ['limit=0', 'limit is a whole number from 1 to 200, got 0'],
      ['limit=201', 'limit is a whole number from 1 to 200, got 201'],
      ['limit=ten', 'limit is a whole number, got "ten"'],
      ['type=', 'type is empty: leave it out'],
      ['owner=bob', 'owner is "me"'],
      ['owner=me&ownerId=ada', 'owner is "me"'],
      ['sate=active', 'There is no query parameter "sate": there are state, type'],
      ['tenantId=globex', 'There is no query parameter "tenantId"'],
      ['anyOwner=true', 'There is no query parameter "anyOwner"'],
      ['labels[]=x', 'There is no query parameter "labels[]"'],
    ])('refuses ?%s', async (query, message) => {
      const answer = await (await serve()).ask(`/operations?${query}`, 'ada');
      expect(answer.status).toBe(400);
      expect(messageIn(answer)).toContain(message);
    });
  });

  test('an operation is answered as it stands, and is not to be kept by anybody', async () => {
    const app = await serve();
    const { id, end } = await running(app, ada, 'user-import', { label: 'Import' });
    const answer = await app.ask(`/operations/${id}`, 'ada');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(operationIn(answer)).toMatchObject({ id, label: 'Import', state: 'running', seq: 1 });
    end(null);
    const absent = await app.ask(`/operations/${NO_ID}`, 'ada');
    expect(absent.status).toBe(404);
    expect(absent.headers.get('cache-control')).toBe('no-store');
  });

  test('nobody, and who is anonymous, is told to log in', async () => {
    const app = await serve({ http: { start: [reindex] } }, reindexing());
    const { id, end } = await running(app, ada, 'export', { audience: 'tenant' });
    for (const who of ['nobody', 'anonymous']) {
      expect((await app.ask('/operations', who)).status).toBe(401);
      expect((await app.ask(`/operations/${id}`, who)).status).toBe(401);
      expect((await app.ask(`/operations/${id}/cancel`, who, { method: 'POST' })).status).toBe(401);
      const start = { method: 'POST', body: { type: 'reindex' } };
      expect((await app.ask('/operations', who, start)).status).toBe(401);
    }
    end(null);
  });

  describe('waiting', () => {
    test('is answered when the operation has ended', async () => {
      const app = await serve();
      const { id, end } = await running(app, ada, 'user-import');
      const waiting = app.ask(`/operations/${id}/wait?timeout=30`, 'ada');
      await app.ask(`/operations/${id}`, 'ada');
      end({ imported: 3 });
      const answer = await waiting;
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(operationIn(answer)).toMatchObject({ state: 'succeeded', result: { imported: 3 } });
    });

    test('ends when the client has gone', async () => {
      const app = await serve();
      const { id, end } = await running(app, ada, 'user-import');
      const asked = Promise.withResolvers<{ waiting: Promise<unknown> }>();
      const wait = app.operations.wait.bind(app.operations);
      vi.spyOn(app.operations, 'wait').mockImplementation(async (...args) => {
        const waiting = wait(...args);
        asked.resolve({ waiting }); // not the promise itself: that would be waited for
        return await waiting;
      });
      const client = new AbortController();
      const { signal } = client;
      const headers = { cookie: 'who=ada' };
      const url = `${app.baseUrl}/operations/${id}/wait?timeout=60`;
      const answer = fetch(url, { headers, signal }).then(
        () => 'answered',
        () => 'gone',
      );
      const { waiting } = await asked.promise;
      client.abort();
      expect(await answer).toBe('gone');
      expect(await waiting).toMatchObject({ id, state: 'running' });
      end(null);
    });

    test('is answered with the operation as it is when the time is over', async () => {
      const app = await serve();
      const { id, end } = await running(app, ada, 'user-import');
      const answer = await app.ask(`/operations/${id}/wait?timeout=0`, 'ada');
      expect([answer.status, operationIn(answer).state]).toEqual([200, 'running']);
      end(null);
    });

    test.each(['-1', '1.5', 'soon', ''])('refuses ?timeout=%s', async (timeout) => {
      const answer = await (await serve()).ask(
        `/operations/${NO_ID}/wait?timeout=${timeout}`,
        'ada',
      );
      expect(answer.status).toBe(400);
      expect(messageIn(answer)).toMatch(/^timeout is /);
    });
  });

  test('a cancel is accepted and reaches the work; one too late is a conflict', async () => {
    const app = await serve();
    const stopped = Promise.withResolvers<string>();
    const { id } = await runAs(ada, () =>
      app.operations.start('user-import', {}, async ({ signal }) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
        });
        stopped.resolve((signal.reason as Error).name);
        signal.throwIfAborted();
      }),
    );
    const answer = await app.ask(`/operations/${id}/cancel`, 'ada', { method: 'POST' });
    expect([answer.status, operationIn(answer).state]).toEqual([202, 'cancelling']);
    expect(await stopped.promise).toBe('OperationCancelledError');
    await app.ask(`/operations/${id}/wait`, 'ada');
    const late = await app.ask(`/operations/${id}/cancel`, 'ada', { method: 'POST' });
    expect(late.status).toBe(409);
    expect(messageIn(late)).toBe(`${id} cannot be cancelled: it has ended: cancelled`);
  });

  test('who sees an operation of a colleague may not cancel it, unless the app lets them', async () => {
    const strict = await serve();
    const first = await running(strict, ada, 'export', { audience: 'tenant' });
    const cancel = (app: OperationsApp, id: string, who: string) =>
      app.ask(`/operations/${id}/cancel`, who, { method: 'POST' });
    const refused = await cancel(strict, first.id, 'bob');
    expect([refused.status, messageIn(refused)]).toEqual([
      409,
      `You may see ${first.id}, but not cancel it`,
    ]);
    first.end(null);
    const mayControl = ({ userId }: { userId: string }) => userId === 'bob';
    const lax = await serve({ mayControl });
    const second = await running(lax, ada, 'export', { audience: 'tenant' });
    expect((await cancel(lax, second.id, 'dan')).status).toBe(409);
    expect((await cancel(lax, second.id, 'bob')).status).toBe(202);
    second.end(null);
  });

  test('a retry is accepted, says where the operation is, and runs as its owner', async () => {
    const app = await serve();
    const users: unknown[] = [];
    app.operations.handle({ type: 'user-import', retryable: true }, async ({ attempt, input }) => {
      users.push([currentPrincipal()?.userId, input]);
      if (attempt === 1) throw new UserFacingError('Line 3', { retryable: true });
      return attempt;
    });
    const { id } = await runAs(bob, () => app.operations.start('user-import', { input: ['x'] }));
    expect(operationIn(await app.ask(`/operations/${id}/wait`, 'bob'))).toMatchObject({
      state: 'failed',
      error: { message: 'Line 3' },
      isRetryable: true,
    });
    const answer = await app.ask(`/operations/${id}/retry`, 'ada', { method: 'POST' });
    expect([answer.status, operationIn(answer).attempt]).toEqual([202, 2]);
    expect(answer.headers.get('location')).toBe(`/operations/${id}`);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(operationIn(await app.ask(`/operations/${id}/wait`, 'bob')).state).toBe('succeeded');
    expect(users).toEqual([
      ['bob', ['x']],
      ['bob', ['x']],
    ]);
    const again = await app.ask(`/operations/${id}/retry`, 'bob', { method: 'POST' });
    expect(again.status).toBe(409);
  });

  describe('starting', () => {
    const start = [userImport, reindex];
    const inputs: unknown[] = [];
    async function serveStarting() {
      inputs.length = 0;
      const handlers = (operations: Operations) => {
        operations.handle(userImport, ({ input }) => inputs.push(input));
        operations.handle(reindex, ({ input }) => inputs.push(input));
        operations.handle(defineOperation('secret'), () => inputs.push('secret'));
      };
      return await serve({ http: { start } }, { handlers });
    }
    const post = (app: OperationsApp, body: unknown, headers = {}, who = 'bob') =>
      app.ask('/operations', who, { method: 'POST', body, headers });

    test('is for what has opted in: 202, the operation, and where it is', async () => {
      const app = await serveStarting();
      const answer = await post(app, { type: 'user-import', input: { fileId: 'f1', role: 'x' } });
      const { id, label, ownerId } = operationIn(answer);
      expect([answer.status, label, ownerId]).toEqual([202, 'Import of users', 'bob']);
      expect(answer.headers.get('location')).toBe(`/operations/${id}`);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      await app.ask(`/operations/${id}/wait`, 'bob');
      expect((await post(app, { type: 'reindex' })).status).toBe(202);
      expect(inputs[0]).toEqual({ fileId: 'f1' });
    });

    test('of anything else is like of what there is not', async () => {
      const app = await serveStarting();
      const secret = await post(app, { type: 'secret' });
      const absent = await post(app, { type: 'nothing-of-that-name' });
      expect(secret.status).toBe(404);
      expect(secret.text).toBe(absent.text);
      expect(inputs).toEqual([]);
    });

    test.each([
      [{ type: 'user-import', input: {} }, 'The input of user-import is wrong: fileId:'],
      [{ type: 'user-import' }, 'The input of user-import is wrong'],
      [{ type: 'reindex', input: 1 }, 'reindex takes no input'],
      [{ type: 'reindex', userId: 'ada' }, 'The body is { "type", "input" }, and nothing else'],
      [{ type: 7 }, 'The body is { "type", "input" }'],
      [[], 'The body is { "type", "input" }'],
    ])('refuses %j', async (body, message) => {
      const app = await serveStarting();
      const answer = await post(app, body);
      expect(answer.status).toBe(400);
      expect(messageIn(answer)).toContain(message);
      expect(inputs).toEqual([]);
    });

    test('by a form, that another site could send, is refused', async () => {
      const app = await serveStarting();
      const response = await fetch(`${app.baseUrl}/operations`, {
        method: 'POST',
        headers: { cookie: 'who=bob' },
        body: new URLSearchParams({ type: 'reindex' }),
      });
      expect(response.status).toBe(415);
      expect(inputs).toEqual([]);
    });

    test('twice with one key is one operation; with another input it is a mistake', async () => {
      const app = await serveStarting();
      const key = { 'idempotency-key': '"once \\"more\\""' };
      const body = { type: 'user-import', input: { fileId: 'f1' } };
      const first = operationIn(await post(app, body, key));
      await app.ask(`/operations/${first.id}/wait`, 'bob');
      const second = await post(app, body, key);
      expect([second.status, operationIn(second).id]).toEqual([202, first.id]);
      expect(second.headers.get('location')).toBe(`/operations/${first.id}`);
      const other = await post(app, { type: 'user-import', input: { fileId: 'f2' } }, key);
      expect(other.status).toBe(422);
      expect(inputs).toHaveLength(1);
      const ofAda = operationIn(await post(app, body, key, 'ada'));
      expect(ofAda.id).not.toBe(first.id);
    });

    test('a bare key is the same as a quoted one', async () => {
      const app = await serveStarting();
      const body = { type: 'reindex' };
      const bare = operationIn(await post(app, body, { 'idempotency-key': 'k-1' }));
      const quoted = operationIn(await post(app, body, { 'idempotency-key': '"k-1"' }));
      expect(quoted.id).toBe(bare.id);
    });

    test.each(['', '""', '"open', 'a, b', 'ä', 'k'.repeat(256), '"a\\b"', '("a")'])(
      'refuses the key %j',
      async (key) => {
        const app = await serveStarting();
        const answer = await post(app, { type: 'reindex' }, { 'idempotency-key': key });
        expect(answer.status).toBe(400);
        expect(messageIn(answer)).toMatch(/^Idempotency-Key is a string of 1 to 255/);
      },
    );

    test('50 at once with one key are one operation', async () => {
      const app = await serveStarting();
      const body = { type: 'user-import', input: { fileId: 'f1' } };
      const key = { 'idempotency-key': '"double click"' };
      const answers = await Promise.all(Array.from({ length: 50 }, () => post(app, body, key)));
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
      const ids = new Set(answers.map((answer) => operationIn(answer).id));
      expect(ids.size).toBe(1);
      await app.ask(`/operations/${[...ids][0]}/wait`, 'bob');
      expect(inputs).toHaveLength(1);
      expect(idsIn(await app.ask('/operations', 'bob'))).toEqual([...ids]);
    });

    test('there is no such route unless something has opted in', async () => {
      const app = await serve();
      const answer = await post(app, { type: 'user-import' });
      expect([answer.status, messageIn(answer)]).toEqual([404, 'Cannot POST /operations']);
    });
  });

  test('who has too much running is told so', async () => {
    const gate = gated();
    const options = { limits: { maxActivePerUser: 1 }, http: { start: [reindex] } };
    const app = await serve(options, reindexing(gate.work));
    const post = () => app.ask('/operations', 'bob', { method: 'POST', body: { type: 'reindex' } });
    expect((await post()).status).toBe(202);
    const refused = await post();
    expect(refused.status).toBe(429);
    expect(messageIn(refused)).toContain('The user has 1 operations that have not ended');
    gate.end(null);
  });

  test('while the server stops, nothing is started any more', async () => {
    const app = await serve({ http: { start: [reindex] } }, reindexing());
    await app.operations.close();
    const answer = await app.ask('/operations', 'bob', {
      method: 'POST',
      body: { type: 'reindex' },
    });
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  test('while the database is away the answer is to come again, and no word of why', async () => {
    let isAway = false;
    const guarded = <T>(work: () => Promise<T>) =>
      isAway ? Promise.reject(new Error('connect ECONNREFUSED 192.0.2.1')) : work();
    const database: Database = {
      isExclusive: false,
      query: (text, parameters) => guarded(() => store.database.query(text, parameters)),
      transaction: (work) => guarded(() => store.database.transaction(work)),
    };
    const logged: unknown[] = [];
    const error = (...line: unknown[]) => void logged.push(line);
    const app = await serveOperations(
      platform,
      { database, http: { start: [reindex] } },
      { log: { info: () => {}, warn: () => {}, error } },
      reindexing(),
    );
    isAway = true;
    const post = { method: 'POST' };
    const answers = await Promise.all([
      app.ask('/operations', 'bob'),
      app.ask(`/operations/${NO_ID}`, 'bob'),
      app.ask(`/operations/${NO_ID}/cancel`, 'bob', post),
      app.ask(`/operations/${NO_ID}/retry`, 'bob', post),
      app.ask('/operations', 'bob', { ...post, body: { type: 'reindex' } }),
    ]);
    for (const answer of answers) {
      expect([answer.status, messageIn(answer)]).toEqual([503, 'Operations cannot be reached now']);
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    const why = { error: expect.stringContaining('connect ECONNREFUSED 192.0.2.1') as unknown };
    expect(logged).toEqual(answers.map(() => ['operation_store_failed', why]));
    isAway = false;
  });

  describe("the app's own controllers", () => {
    @Controller('users')
    class UsersController {
      constructor(private readonly operations: Operations) {}

      @Post('import')
      @UseGuards(PrincipalGuard)
      @StartsOperation()
      async import(@Body() input: unknown, @IdempotencyKey() idempotencyKey: string | undefined) {
        const work = async () => await Promise.resolve(1);
        return await this.operations.start('user-import', { input, idempotencyKey }, work);
      }

      @Post('public')
      @StartsOperation()
      async startOpenly() {
        return await this.operations.start('user-import', {}, () => 1);
      }

      @Post('nobody-does-it')
      @StartsOperation()
      async startUnhandled() {
        return await this.operations.start('nobody-does-it');
      }

      @Post('run')
      @UseFilters(OperationErrorFilter)
      async run(@IdempotencyKey() idempotencyKey: string | undefined) {
        return await this.operations.run('export', { idempotencyKey }, () => 1);
      }

      @Post('retry')
      @StartsOperation()
      async retry() {
        return await this.operations.retry(NO_ID);
      }
    }
    const controllers = [UsersController];

    test('answer with the operation that they have started, and with its errors', async () => {
      const app = await serve({}, { controllers });
      const post = (body: unknown, key?: string) =>
        app.ask('/users/import', 'bob', {
          method: 'POST',
          body,
          headers: key === undefined ? {} : { 'idempotency-key': key },
        });
      const answer = await post({ a: 1 }, '"k"');
      const { id } = operationIn(answer);
      expect(answer.status).toBe(202);
      expect(answer.headers.get('location')).toBe(`/operations/${id}`);
      expect(operationIn(await post({ a: 1 }, 'k')).id).toBe(id);
      expect(operationIn(await post({ a: 1 })).id).not.toBe(id);
      expect((await post({ a: 2 }, '"k"')).status).toBe(422);
      expect((await post({ a: 1 }, '"')).status).toBe(400);
      const retry = await app.ask('/users/retry', 'bob', { method: 'POST' });
      expect(retry.status).toBe(404);
      expect(retry.text).toBe((await app.ask(`/operations/${NO_ID}`, 'bob')).text);
    });

    test('tell who is anonymous to log in, where no guard has', async () => {
      const app = await serve({}, { controllers });
      const answer = await app.ask('/users/public', 'anonymous', { method: 'POST' });
      expect([answer.status, messageIn(answer)]).toEqual([401, 'Log in first']);
    });

    test('keep to themselves what is a mistake of the app’s', async () => {
      const app = await serve({}, { controllers });
      const answer = await app.ask('/users/nobody-does-it', 'bob', { method: 'POST' });
      expect([answer.status, messageIn(answer)]).toEqual([500, 'Internal server error']);
    });

    test('tell how the operation of the same key has ended, when that was no success', async () => {
      const app = await serve({}, { controllers });
      const failing = () => Promise.reject(new UserFacingError('Line 3 has no e-mail address'));
      const options = { idempotencyKey: 'k' };
      const { id } = await runAs(bob, () => app.operations.start('export', options, failing));
      await runAs(bob, () => app.operations.wait(id));
      const headers = { 'idempotency-key': 'k' };
      const answer = await app.ask('/users/run', 'bob', { method: 'POST', headers });
      expect([answer.status, messageIn(answer)]).toEqual([409, 'Line 3 has no e-mail address']);
    });

    test.each<[string, string, object]>([
      ['a prefix', '/api/jobs', { prepare: (nest: Nest) => nest.setGlobalPrefix('api') }],
      [
        'a prefix that leaves operations out',
        '/jobs',
        { prepare: (nest: Nest) => nest.setGlobalPrefix('api', { exclude: ['jobs/{*rest}'] }) },
      ],
      [
        'versions in the path',
        '/jobs',
        {
          prepare: (nest: Nest) =>
            nest.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
        },
      ],
    ])('say where it is, with %s', async (_, path, extras) => {
      const app = await serve({ http: { path: 'jobs' } }, { controllers, ...extras });
      const posts = ['/users/import', '/api/users/import', '/v1/users/import'].map((each) =>
        app.ask(each, 'bob', { method: 'POST', body: {} }),
      );
      const started = (await Promise.all(posts)).find(({ status }) => status === 202);
      const location = started?.headers.get('location') ?? '';
      expect(location).toMatch(new RegExp(`^${path}/[0-9A-Z]{26}$`));
      expect((await app.ask(location, 'bob')).status).toBe(200);
    });

    test('say nothing of a place where there is none', async () => {
      const app = await serve({ http: false }, { controllers });
      const answer = await app.ask('/users/import', 'bob', { method: 'POST', body: {} });
      expect([answer.status, answer.headers.get('location')]).toEqual([202, null]);
      expect((await app.ask('/operations', 'bob')).status).toBe(404);
    });
  });
});

interface Nest {
  setGlobalPrefix(prefix: string, options?: object): void;
  enableVersioning(options: object): void;
}
