import {
  currentPrincipal,
  runAs,
  runAsPlatform,
  WebSocketModule,
  WebSocketService,
} from '@trunkline/nestjs';
import { BrokerUnavailableError, type Principal } from '@trunkline/server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ada, cleo, moduleOptions, RecordingBroker, root, testingModule } from './harness.ts';

const event = { type: 'note', data: { n: 1 } };
const broker = new RecordingBroker();
let service: WebSocketService;
let close: () => Promise<void>;

beforeAll(async () => {
  const module = WebSocketModule.forRoot(moduleOptions({ broker }));
  const testing = await testingModule(module).compile();
  service = testing.get(WebSocketService);
  close = () => testing.close();
});
afterAll(() => close());
beforeEach(() => {
  broker.published.length = 0;
});

const channels = () => broker.published.map(({ channel }) => channel);
const rejection = async (sending: Promise<unknown>): Promise<{ code: string; message: string }> =>
  await sending.then(
    () => Promise.reject(new Error('it did not reject')),
    (error: { code: string; message: string }) => error,
  );

describe('without any context', () => {
  test.each([
    ['sendToUser', () => service.sendToUser('42', event)],
    ['sendToRoom', () => service.sendToRoom('chat:42', event)],
    ['refreshTables', () => service.refreshTables(['users'])],
  ])('%s rejects with TenantRequiredError that says what to write', async (method, send) => {
    const error = await rejection(send());
    expect(error.code).toBe('TENANT_REQUIRED');
    expect(error.message).toContain(`forTenant(tenantId).${method}`);
    expect(channels()).toEqual([]);
  });

  test('a tenant in the call itself is enough', async () => {
    await service.sendToTenant('acme', event);
    await service.sendToUser('42', event, { tenantId: 'acme' });
    await service.sendToRoom('tenant:acme:admins', event);
    await service.forTenant('acme').sendToUser('42', event);
    await service.forTenant('acme').sendToRoom('chat:42', event);
    await service.forTenant('acme').sendToTenant(event);
    await service.forTenant('acme').refreshTables(['users']);
    await service.sendToPlatform(event);
    await service.sendToRoom('platform:admins', event);
    expect(channels()).toEqual([
      't.acme:a',
      't.acme:u:42',
      't.acme:r:admins',
      't.acme:u:42',
      't.acme:c:chat:42',
      't.acme:a',
      't.acme:a',
      'p:a',
      'p:r:admins',
    ]);
  });
});

describe('ids that address nobody reject, and nothing leaves the process', () => {
  const bad = [undefined, null, '', ' ', 'a:b', 'x'.repeat(65), 'ä', {}, []] as unknown as string[];
  test.each(bad)('sendToTenant(%o)', async (tenantId) => {
    expect((await rejection(service.sendToTenant(tenantId, event))).code).toBe('INVALID_ADDRESS');
    const viaOption = runAs(ada, () => service.sendToUser('42', event, { tenantId }));
    expect((await rejection(viaOption)).code).toBe('INVALID_ADDRESS');
    const viaSender = runAs(ada, () => service.forTenant(tenantId).sendToUser('42', event));
    expect((await rejection(viaSender)).code).toBe('INVALID_ADDRESS');
    expect(channels()).toEqual([]);
  });

  test.each([
    undefined,
    null,
    '',
    Number.NaN,
    {},
    'x'.repeat(129),
    '\ud800',
  ] as unknown as string[])('sendToUser(%o)', async (userId) => {
    const sending = runAs(ada, () => service.sendToUser(userId, event));
    expect((await rejection(sending)).code).toBe('INVALID_ADDRESS');
    expect(channels()).toEqual([]);
  });

  const rooms = [
    undefined,
    '',
    '@all',
    'a b',
    'tenant::admins',
    'tenant:acme',
    'platform:',
    'platform:a:b',
  ];
  test.each(rooms as string[])('sendToRoom(%o)', async (room) => {
    const sending = runAs(ada, () => service.sendToRoom(room, event));
    expect((await rejection(sending)).code).toBe('INVALID_ADDRESS');
    expect(channels()).toEqual([]);
  });

  test('a number is its digits', async () => {
    await runAs(ada, () => service.sendToUser(42 as unknown as string, event));
    expect(channels()).toEqual(['t.acme:u:42']);
  });
});

describe('inside a tenant’s context', () => {
  test('a foreign tenant rejects with CrossTenantError by every spelling', async () => {
    const attempts = [
      () => service.sendToTenant('globex', event),
      () => service.sendToUser('42', event, { tenantId: 'globex' }),
      () => service.sendToRoom('chat:1', event, { tenantId: 'globex' }),
      () => service.sendToRoom('tenant:globex:admins', event),
      () => service.forTenant('globex').sendToUser('42', event),
      () => service.forTenant('globex').refreshTables(['users']),
      () => service.refreshTables(['users'], { tenantId: 'globex' }),
    ];
    for (const attempt of attempts) {
      const error = await rejection(runAs(ada, attempt));
      expect(error.code).toBe('CROSS_TENANT');
      expect(error.message).toContain('tenant acme');
    }
    expect(channels()).toEqual([]);
  });

  test('runAsPlatform reaches every tenant, but must say which', async () => {
    await runAs(ada, () => runAsPlatform(() => service.sendToTenant('globex', event)));
    expect(channels()).toEqual(['t.globex:a']);
    const vague = runAs(ada, () => runAsPlatform(() => service.sendToUser('42', event)));
    expect((await rejection(vague)).code).toBe('TENANT_REQUIRED');
    expect(runAs(ada, () => runAsPlatform(() => currentPrincipal()))).toEqual(ada);
  });

  test('a platform principal addresses its own realm by default and any tenant by name', async () => {
    await runAs(root, () => service.sendToUser('42', event));
    await runAs(root, () => service.sendToTenant('acme', event));
    expect(channels()).toEqual(['p:u:42', 't.acme:a']);
  });

  test('the context survives awaits and stays apart for two principals at once', async () => {
    const work = async (userId: string) => {
      for (let i = 0; i < 20; i += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await service.sendToUser(userId, event);
      }
    };
    await Promise.all([runAs(ada, () => work('a')), runAs(cleo, () => work('c'))]);
    expect(new Set(channels())).toEqual(new Set(['t.acme:u:a', 't.globex:u:c']));
  });
});

describe('a sender that is bound to a tenant', () => {
  test('does not reach another one’s roles, whatever the room is called', async () => {
    const bound = service.forTenant('acme');
    expect((await rejection(bound.sendToRoom('tenant:globex:admins', event))).code).toBe(
      'CROSS_TENANT',
    );
    const unbound = service.sendToRoom('tenant:globex:admins', event, {
      tenantId: undefined as unknown as string,
    });
    expect((await rejection(unbound)).code).toBe('INVALID_ADDRESS');
    expect(channels()).toEqual([]);
    await bound.sendToRoom('tenant:acme:admins', event);
    expect(channels()).toEqual(['t.acme:r:admins']);
  });
});

describe('a malformed principal', () => {
  test.each([
    { userId: 'u', tenantId: 'acme', roles: [] },
    { userId: 'u', realm: { kind: 'tenant' }, roles: [] },
    { userId: 'u', realm: ada.realm },
    null,
  ])('%o does not run at all', (principal) => {
    const send = () => service.sendToTenant('globex', event);
    expect(() => runAs(principal as unknown as Principal, send)).toThrow(TypeError);
    expect(channels()).toEqual([]);
  });

  test('cannot be made of a good one while the work runs', async () => {
    const principal = { ...ada };
    await runAs(principal, async () => {
      Object.assign(principal, { realm: cleo.realm });
      await service.sendToUser('42', event);
    });
    expect(channels()).toEqual(['t.acme:u:42']);
  });
});

test('an option that nobody reads rejects: it would be ignored in silence', async () => {
  const wrong = { roles: ['admins'] } as unknown as Parameters<typeof service.sendToTenant>[2];
  const error = await rejection(service.sendToTenant('acme', event, wrong));
  expect(error.code).toBe('INVALID_OPTIONS');
  expect(error.message).toContain('roles');
  expect(channels()).toEqual([]);
});

describe('the event', () => {
  test('gets an envelope: id, time, scope, tenant', async () => {
    const receipt = await runAs(ada, () =>
      service.sendToRoom('chat:envelope', {
        type: 'chat:message',
        data: { text: 'hi' },
        metadata: { a: 1 },
      }),
    );
    expect(broker.published[0]?.event).toEqual({
      v: 1,
      id: receipt.id,
      ts: expect.any(Number),
      type: 'chat:message',
      data: { text: 'hi' },
      metadata: { a: 1 },
      scope: 'room',
      tenantId: 'acme',
      room: 'chat:envelope',
    });
    expect(receipt).toMatchObject({
      status: 'accepted',
      offset: 1,
      epoch: expect.stringMatching(/^\w{8}$/),
    });
  });

  test('a wrong one rejects with what was expected', async () => {
    const send = (wrong: unknown) =>
      runAs(ada, () => service.sendToUser('42', wrong as typeof event));
    expect((await rejection(send(null))).code).toBe('INVALID_EVENT');
    expect((await rejection(send({ type: 'Not A Type' }))).code).toBe('INVALID_EVENT');
    expect((await rejection(send({ type: 'trunkline:refresh' }))).code).toBe('INVALID_EVENT');
    expect((await rejection(send({ type: 'operation:progress', data: {} }))).code).toBe(
      'INVALID_EVENT',
    );
    expect((await rejection(send({ type: 'a', data: { list: [1n] } }))).message).toContain(
      'data.list[0]',
    );
    expect((await rejection(send({ type: 'a', data: 'x'.repeat(200_000) }))).code).toBe(
      'PAYLOAD_TOO_LARGE',
    );
    expect(channels()).toEqual([]);
  });

  test('sends get their offsets in the order of the calls, awaited or not', async () => {
    const sends = Array.from({ length: 50 }, (_, n) =>
      runAs(ada, () => service.sendToUser('order', { type: 'note', data: { n } })),
    );
    const receipts = await Promise.all(sends);
    const offsets = receipts.map((receipt) => receipt.status === 'accepted' && receipt.offset);
    expect(offsets).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  });
});

describe('what must be durable', () => {
  const durable = { replicas: 2 };
  const done = { type: 'done', data: null, metadata: { tablesToRefresh: ['users'] } };

  test('is asked of the broker for the event and not for the signal beside it', async () => {
    const send = () => runAs(ada, () => service.sendToUser('ada', done, { durable }));
    expect((await rejection(send())).code).toBe('NOT_DURABLE'); // memory has no replicas
    expect(broker.published.map(({ channel, replicas }) => [channel, replicas])).toEqual([
      ['t.acme:u:ada', 2],
      ['t.acme:a', undefined],
    ]);
  });

  test('and cannot be rejects before anything, signal and all', async () => {
    const send = (options: object) =>
      runAs(ada, () => service.sendToUser('ada', done, options as never));
    for (const wrong of [{ durable: { replicas: 0 } }, { durable, volatile: true }]) {
      expect((await rejection(send(wrong))).code).toBe('INVALID_DURABILITY');
    }
    expect(channels()).toEqual([]);
  });

  test('every send takes it', async () => {
    const acme = service.forTenant('acme');
    for (const sending of [
      acme.sendToTenant(event, { durable }),
      acme.sendToRoom('chat:1', event, { durable }),
      acme.refreshTables(['users'], { durable }),
      service.sendToPlatform(event, { durable }),
    ]) {
      expect((await rejection(sending)).code).toBe('NOT_DURABLE');
    }
  });
});

describe('tables to refresh', () => {
  const imported = {
    type: 'operation:complete',
    metadata: { tablesToRefresh: ['users'] },
  } as const;
  const data = { operationId: 'import-1', operationType: 'user-import' };

  test('an event to a user signals everyone in the realm, after the event, with its id', async () => {
    const receipt = await runAs(ada, () => service.sendToUser('ada', { ...imported, data }));
    expect(channels()).toEqual(['t.acme:u:ada', 't.acme:a']);
    expect(broker.published[1]?.event).toMatchObject({
      type: 'trunkline:refresh',
      data: { tables: ['users'], cause: receipt.id },
      scope: 'tenant',
    });
  });

  test('rooms and roles signal too, the tenant’s own channel need not', async () => {
    const done = { type: 'done', data: null, metadata: { tablesToRefresh: ['users'] } };
    await runAs(ada, () => service.sendToRoom('chat:1', done));
    await runAs(ada, () => service.sendToRoom('tenant:acme:admins', done));
    await runAs(ada, () => service.sendToTenant('acme', done));
    expect(channels()).toEqual([
      't.acme:c:chat:1',
      't.acme:a',
      't.acme:r:admins',
      't.acme:a',
      't.acme:a',
    ]);
  });

  test('refreshScope user keeps it to the addressed user', async () => {
    const narrow = {
      ...imported,
      data,
      metadata: { ...imported.metadata, refreshScope: 'user' as const },
    };
    await runAs(ada, () => service.sendToUser('ada', narrow));
    expect(channels()).toEqual(['t.acme:u:ada']);
  });

  test('refreshTables is its own cause', async () => {
    await runAs(ada, () => service.refreshTables(['users', 'audit-logs']));
    const [signal] = broker.published;
    expect(signal?.event).toMatchObject({
      data: { tables: ['users', 'audit-logs'], cause: signal?.event['id'] },
    });
    expect((await rejection(runAs(ada, () => service.refreshTables([])))).code).toBe(
      'INVALID_EVENT',
    );
  });

  test('the longest key works with a signal, a longer or an empty one rejects before anything', async () => {
    const send = (idempotencyKey: string) =>
      runAs(ada, () => service.sendToUser('ada', { ...imported, data }, { idempotencyKey }));
    expect(await send('k'.repeat(128))).toMatchObject({ status: 'accepted' });
    expect(channels()).toEqual(['t.acme:u:ada', 't.acme:a']);
    for (const key of ['', 'k'.repeat(129)]) {
      expect((await rejection(send(key))).code).toBe('INVALID_IDEMPOTENCY_KEY');
    }
    expect(channels()).toHaveLength(2);
  });

  test('a repeat with the same key neither sends nor signals again', async () => {
    const delivered: string[] = [];
    await broker.start({ onPublication: (channel) => delivered.push(channel) });
    for (const channel of ['t.acme:u:ada', 't.acme:u:ben', 't.acme:a'])
      await broker.subscribe(channel);
    const send = (userId: string) =>
      runAs(ada, () => service.sendToUser(userId, { ...imported, data }, { idempotencyKey: 'k1' }));
    const [first, again] = [await send('ada'), await send('ada')];
    await send('ben');
    expect(again).toMatchObject({
      status: 'accepted',
      offset: (first as { offset: number }).offset,
    });
    expect(delivered).toEqual(['t.acme:u:ada', 't.acme:a', 't.acme:u:ben', 't.acme:a']);
  });
});

describe('an outage of the broker', () => {
  test('does not fail the business: the receipt says dropped; required makes it reject', async () => {
    class AwayBroker extends RecordingBroker {
      override async publish(): Promise<never> {
        throw new BrokerUnavailableError('no connection to the broker');
      }
    }
    const module = WebSocketModule.forRoot(moduleOptions({ broker: new AwayBroker() }));
    const testing = await testingModule(module).compile();
    const sender = testing.get(WebSocketService).forTenant('acme');
    expect(await sender.sendToUser('42', event)).toMatchObject({
      status: 'dropped',
      reason: 'no connection to the broker',
    });
    await expect(sender.sendToUser('42', event, { required: true })).rejects.toThrow(
      BrokerUnavailableError,
    );
    await testing.close();
  });

  test('a broker that does not answer: the receipt says unknown', async () => {
    class SilentBroker extends RecordingBroker {
      override async publish(): Promise<never> {
        return await new Promise<never>(() => {});
      }
    }
    const limits = { publishTimeoutMs: 20 };
    const module = WebSocketModule.forRoot(moduleOptions({ broker: new SilentBroker(), limits }));
    const testing = await testingModule(module).compile();
    const sender = testing.get(WebSocketService).forTenant('acme');
    expect(await sender.sendToUser('42', event)).toMatchObject({ status: 'unknown' });
    await testing.close();
  });
});
