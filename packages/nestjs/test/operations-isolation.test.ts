// Who asks for what is another tenant's, at every door of the operations: the answers are those for what there is
// not, to the byte. `cleo` is an admin of globex; `ada`, `bob` and `dan` are of acme.
import { Controller, Get, Param, Post, UseGuards } from '@nestjs/common';
import {
  CANCEL_OPERATION_CALL,
  CONNECTION_HEADER,
  OPERATIONS_CALL,
  RETRY_OPERATION_CALL,
  SEEN_OPERATIONS_CALL,
  TENANT_HEADER,
} from '@trunkline/contract';
import {
  defineOperation,
  Operations,
  PrincipalGuard,
  runAs,
  UserFacingError,
} from '@trunkline/nestjs';
import type { AuditEntry } from '@trunkline/server';
import { describe, expect, test } from 'vitest';
import { ada, cleo, connected, platforms } from './harness.ts';
import {
  type Answer,
  embeddedDatabase,
  gated,
  NO_ID,
  type OperationsApp,
  operationIn,
  refusal,
  serveOperations,
} from './operations-harness.ts';

const store = embeddedDatabase();
const audited: AuditEntry[] = [];
const report = defineOperation('report', { retryable: true });

/** A careless controller: it believes whatever tenant the URL names. */
@Controller('careless/:tenantId')
class CarelessController {
  constructor(private readonly operations: Operations) {}

  @Get(':id')
  async find(@Param('tenantId') tenantId: string, @Param('id') id: string) {
    return await this.codeOf(() => this.operations.get(id, { tenantId }));
  }

  @Get(':id/all')
  async all(@Param('tenantId') tenantId: string) {
    return await this.codeOf(() => this.operations.list({}, { tenantId }));
  }

  @Post(':id/cancel')
  async cancel(@Param('tenantId') tenantId: string, @Param('id') id: string) {
    return await this.codeOf(() => this.operations.cancel(id, { tenantId }));
  }

  @Post('start')
  @UseGuards(PrincipalGuard)
  async start(@Param('tenantId') tenantId: string) {
    return await this.codeOf(() => this.operations.start('report', { tenantId, userId: 'ada' }));
  }

  private async codeOf(work: () => Promise<unknown>) {
    try {
      return { got: await work() };
    } catch (error) {
      return { code: (error as { code?: string }).code };
    }
  }
}

const serve = async (platform: (typeof platforms)[number]) => {
  audited.length = 0;
  const audit = { record: (entry: AuditEntry) => void audited.push(entry) };
  const handlers = (operations: Operations) => {
    operations.handle(report, () => {
      throw new UserFacingError('no', { retryable: true });
    });
  };
  return await serveOperations(
    platform,
    { database: store.database, http: { start: [report] } },
    { audit },
    { controllers: [CarelessController], handlers },
  );
};

/** Operations of acme that somebody of globex may be after: one that runs, one that can be tried again. */
async function victims(app: OperationsApp) {
  const gate = gated();
  const start = (audience: 'owner' | 'tenant') =>
    runAs(ada, () => app.operations.start('secret', { audience }, gate.work));
  const [owned, shared] = [await start('owner'), await start('tenant')];
  const failed = await runAs(ada, () => app.operations.start(report, { audience: 'tenant' }));
  await runAs(ada, () => app.operations.wait(failed.id));
  const { rows } = await store.database.query(
    'select id, seq from trunkline.operations order by id',
  );
  const end = async () => {
    gate.end(null);
    await runAs(ada, () => Promise.all([owned, shared].map(({ id }) => app.operations.wait(id))));
  };
  return { ids: [owned.id, shared.id, failed.id], before: rows, end };
}

/** An answer as it came, without the date and what the connection says of itself. */
function bytesOf({ status, text, headers }: Answer): unknown {
  const others = [...headers].filter(
    ([name]) => !['date', 'connection', 'keep-alive'].includes(name),
  );
  return { status, text, headers: others };
}

describe.each(platforms)('on %s', (platform) => {
  const doors: [door: string, method: string, path: (id: string) => string][] = [
    ['the operation', 'GET', (id) => `/operations/${id}`],
    ['waiting', 'GET', (id) => `/operations/${id}/wait?timeout=5`],
    ['cancelling', 'POST', (id) => `/operations/${id}/cancel`],
    ['trying again', 'POST', (id) => `/operations/${id}/retry`],
  ];

  test.each(doors)(
    '%s of another tenant is like that of none, to the byte',
    async (_, method, path) => {
      const app = await serve(platform);
      const { ids, before, end } = await victims(app);
      for (const who of ['cleo', 'eve', 'root']) {
        const absent = bytesOf(await app.ask(path(NO_ID), who, { method }));
        expect(absent).toMatchObject({ status: 404 });
        for (const id of [...ids, 'x', '%00', '..%2f', `${NO_ID}%20`]) {
          expect(bytesOf(await app.ask(path(id), who, { method }))).toEqual(absent);
        }
      }
      const { rows } = await store.database.query(
        'select id, seq from trunkline.operations order by id',
      );
      expect(rows).toEqual(before);
      await end();
    },
  );

  test('what a colleague may not see is like what there is not, to the byte', async () => {
    const app = await serve(platform);
    const { ids, end } = await victims(app);
    for (const [, method, path] of doors) {
      const absent = bytesOf(await app.ask(path(NO_ID), 'bob', { method }));
      expect(bytesOf(await app.ask(path(ids[0] ?? ''), 'bob', { method }))).toEqual(absent);
    }
    await end();
  });

  test('calls are answered alike for absent, foreign and invisible', async () => {
    const app = await serve(platform);
    const { ids, before, end } = await victims(app);
    for (const who of ['cleo', 'root', 'support']) {
      const client = await connected(app, who);
      for (const method of [CANCEL_OPERATION_CALL, RETRY_OPERATION_CALL]) {
        for (const id of [...ids, NO_ID, '', 'x']) {
          expect(await refusal(client.rpc(method, { id }))).toEqual({
            code: 103,
            message: 'permission denied',
          });
        }
      }
    }
    const client = await connected(app, 'bob');
    expect(await refusal(client.rpc(CANCEL_OPERATION_CALL, { id: ids[0] }))).toEqual(
      await refusal(client.rpc(CANCEL_OPERATION_CALL, { id: NO_ID })),
    );
    const { rows } = await store.database.query(
      'select id, seq from trunkline.operations order by id',
    );
    expect(rows).toEqual(before);
    await end();
  });

  test('a list never has what is of another tenant, however it is asked for', async () => {
    const app = await serve(platform);
    const { ids, end } = await victims(app);
    const [parent = ''] = ids;
    const queries = ['', 'ownerId=ada', `parentId=${parent}`, `before=${NO_ID}`, 'type=secret'];
    for (const who of ['cleo', 'eve', 'root']) {
      const client = await connected(app, who);
      for (const query of queries) {
        const { operations } = JSON.parse((await app.ask(`/operations?${query}`, who)).text);
        expect(operations).toEqual([]);
        const filter = Object.fromEntries(new URLSearchParams(query));
        for (const extra of [{}, { tenantId: 'acme' }, { anyOwner: true, as: ada }]) {
          const { data } = await client.rpc(OPERATIONS_CALL, { ...filter, ...extra });
          expect(data).toMatchObject({ operations: [] });
        }
      }
    }
    await end();
  });

  test('nobody says of another’s operation that it was seen', async () => {
    const app = await serve(platform);
    const { ids, end } = await victims(app);
    for (const who of ['cleo', 'bob', 'root']) {
      expect(
        (await (await connected(app, who)).rpc(SEEN_OPERATIONS_CALL, { ids })).data,
      ).toBeNull();
    }
    const seen = async () =>
      (await runAs(ada, () => app.operations.list({ state: 'ended' }))).operations[0]?.isSeen;
    expect(await seen()).toBe(false);
    await (await connected(app, 'ada')).rpc(SEEN_OPERATIONS_CALL, { ids });
    expect(await seen()).toBe(true);
    await end();
  });

  test('headers and queries make nobody of globex one of acme', async () => {
    const app = await serve(platform);
    const { ids, end } = await victims(app);
    const posing = [
      { [TENANT_HEADER]: 'acme' },
      { 'x-tenant-id': 'acme', 'x-forwarded-host': 'acme.example' },
      { [CONNECTION_HEADER]: '6f1b7d0e-93c1-4a9c-a8a4-1b7a3a0f9d10' },
    ];
    for (const headers of posing) {
      for (const [, method, path] of doors) {
        const answer = await app.ask(path(ids[1] ?? ''), 'cleo', { method, headers });
        expect(answer.status).toBe(404);
      }
      expect((await app.ask('/operations', 'cleo', { headers })).text).toMatch(
        /^{"operations":\[\]/,
      );
    }
    await end();
  });

  test('the same idempotency key in two tenants is two operations', async () => {
    const app = await serve(platform);
    const headers = { 'idempotency-key': '"same"' };
    const body = { type: 'report' };
    const post = async (who: string) =>
      operationIn(await app.ask('/operations', who, { method: 'POST', body, headers }));
    const [ofAda, ofCleo] = [await post('ada'), await post('cleo')];
    expect(ofCleo.id).not.toBe(ofAda.id);
    expect((await app.ask(`/operations/${ofAda.id}`, 'cleo')).status).toBe(404);
    expect((await post('ada')).id).toBe(ofAda.id);
  });

  test('an id of the same name in another tenant opens nothing', async () => {
    const app = await serve(platform);
    const twin = { ...cleo, userId: 'ada' };
    const { ids, end } = await victims(app);
    await runAs(twin, async () => {
      for (const id of ids) {
        await expect(app.operations.get(id)).rejects.toMatchObject({ code: 'OPERATION_NOT_FOUND' });
        await expect(app.operations.cancel(id)).rejects.toMatchObject({
          code: 'OPERATION_NOT_FOUND',
        });
      }
      expect((await app.operations.list({ ownerId: 'ada' })).operations).toEqual([]);
    });
    await end();
  });

  test('a controller that believes the URL gives nothing of another tenant away, and is put on record', async () => {
    const app = await serve(platform);
    const { ids, before, end } = await victims(app);
    const [id = ''] = ids;
    const refused = '{"code":"CROSS_TENANT"}';
    for (const path of [`/careless/acme/${id}`, `/careless/acme/${id}/all`]) {
      expect((await app.ask(path, 'cleo')).text).toBe(refused);
    }
    for (const path of [`/careless/acme/${id}/cancel`, '/careless/acme/start']) {
      expect((await app.ask(path, 'cleo', { method: 'POST' })).text).toBe(refused);
    }
    expect(audited).toContainEqual(
      expect.objectContaining({
        action: 'cross-tenant',
        outcome: 'denied',
        userId: 'cleo',
        realm: cleo.realm,
      }),
    );
    const { rows } = await store.database.query(
      'select id, seq from trunkline.operations order by id',
    );
    expect(rows).toEqual(before);
    await end();
  });

  test('such a controller shows who has logged out no more than what is everybody’s of the tenant', async () => {
    const app = await serve(platform);
    const { ids, end } = await victims(app);
    const [owned = '', shared = ''] = ids;
    const found = await app.ask(`/careless/acme/${owned}`, 'nobody');
    expect(found.text).toBe('{"code":"OPERATION_NOT_FOUND"}');
    const cancelled = await app.ask(`/careless/acme/${shared}/cancel`, 'nobody', {
      method: 'POST',
    });
    expect(cancelled.text).toBe('{"code":"NOT_CANCELLABLE"}');
    await end();
  });

  test('a support view looks, and changes nothing: not what it sees, not as an admin', async () => {
    const app = await serve(platform);
    const { ids, before, end } = await victims(app);
    const [owned = ''] = ids;
    expect((await app.ask(`/operations/${owned}`, 'support')).status).toBe(200);
    const refusals = await Promise.all([
      ...ids.map((id) => app.ask(`/operations/${id}/cancel`, 'support', { method: 'POST' })),
      ...ids.map((id) => app.ask(`/operations/${id}/retry`, 'support', { method: 'POST' })),
      app.ask('/operations', 'support', { method: 'POST', body: { type: 'report' } }),
    ]);
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([403]));
    const absent = await app.ask(`/operations/${NO_ID}/cancel`, 'support', { method: 'POST' });
    expect(bytesOf(absent)).toEqual(bytesOf(refusals[0]));
    const { rows } = await store.database.query(
      'select id, seq from trunkline.operations order by id',
    );
    expect(rows).toEqual(before);
    await end();
  });
});
