import { AsyncLocalStorage } from 'node:async_hooks';
import { PLATFORM } from '@trunkline/contract';
import {
  type AuditEntry,
  type AuditRecord,
  disconnects,
  ProtocolError,
  pinoAudit,
  type RoomRules,
} from '@trunkline/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { AuditTrail } from '../src/audit.ts';
import { acme, connected, globex, MemoryAudit, MemoryLog, RawClient, serve } from './harness.ts';

const denied: AuditEntry = { action: 'access-denied', outcome: 'denied', realm: acme, room: 'a' };

/** A trail of records whose clock is moved by hand. */
function trail() {
  vi.useFakeTimers();
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { records, record } = new MemoryAudit();
  const log = new MemoryLog();
  const audit = new AuditTrail('n1', { record }, log);
  /** How many each record stands for. */
  const counts = () => records.map(({ details }) => 1 + Number(details?.['suppressed'] ?? 0));
  return { audit, records, log, counts };
}

test('a record has an id that sorts by time, the time, and the node', () => {
  const { audit, records } = trail();
  audit.record(denied);
  vi.advanceTimersByTime(5);
  audit.record({ ...denied, room: 'b' });
  expect(records).toEqual([
    { id: expect.stringMatching(/^[0-9A-Z]{26}$/), at: Date.now() - 5, node: 'n1', ...denied },
    { id: expect.any(String), at: Date.now(), node: 'n1', ...denied, room: 'b' },
  ]);
  expect(records.map(({ id }) => id).toSorted()).toEqual(records.map(({ id }) => id));
});

test('of what is the same there is one record a second, that says how many it stands for', () => {
  const { audit, records, counts } = trail();
  for (let n = 0; n < 5; n += 1) audit.record({ ...denied, details: { n } });
  expect(counts()).toEqual([1]);
  vi.advanceTimersByTime(1_000);
  expect(counts()).toEqual([1, 4]); // the last of those left out, and three more
  expect(records[1]).toMatchObject({ details: { n: 4, suppressed: 3 } });
  audit.record(denied);
  expect(counts()).toEqual([1, 4]);
  vi.advanceTimersByTime(1_000);
  expect(counts()).toEqual([1, 4, 1]);
  expect(records[2]).not.toHaveProperty('details');
  vi.advanceTimersByTime(5_000);
  audit.record(denied);
  expect(counts()).toEqual([1, 4, 1, 1]);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect(vi.getTimerCount()).toBe(0); // all is forgotten
});

test('what was held back in the work of one tenant is not written as that tenant', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const record = () => void seen.push(storage.getStore());
  const audit = new AuditTrail('n1', { record }, new MemoryLog());
  storage.run('acme', () => {
    for (let n = 0; n < 2; n += 1) audit.record(denied);
  });
  await expect.poll(() => seen.length, { timeout: 5_000 }).toBe(2);
  expect(seen).toEqual(['acme', undefined]);
});

test.each<Partial<AuditEntry>>([
  { action: 'room-joined' },
  { realm: globex },
  { realm: PLATFORM },
  { userId: 'ada' },
  { room: 'b' },
  { reason: 'policy' },
])('what differs in %o is not the same', (change) => {
  const { audit, records } = trail();
  audit.record(denied);
  audit.record({ ...denied, ...change });
  expect(records).toHaveLength(2);
});

test("one tenant's flood is thinned out, and is no other's loss", () => {
  const { audit, records } = trail();
  for (let n = 0; n < 20_000; n += 1) audit.record({ ...denied, room: `room-${n}` });
  audit.record({ ...denied, realm: globex });
  const ofTenant = (tenant: unknown) => records.filter(({ realm }) => realm === tenant);
  expect(ofTenant(acme)).toHaveLength(5_001);
  expect(ofTenant(globex)).toHaveLength(1);
  vi.advanceTimersByTime(1_000);
  expect(ofTenant(acme)).toHaveLength(5_002);
  expect(records.at(-1)).toMatchObject({ room: 'room-19999', details: { suppressed: 14_998 } });
});

test('what is held back is written when the node stops', () => {
  const { audit, counts } = trail();
  for (let n = 0; n < 3; n += 1) audit.record(denied);
  audit.stop();
  expect(counts()).toEqual([1, 2]);
  expect(vi.getTimerCount()).toBe(0);
});

test("no more of a room's name is kept than a room's name may have", () => {
  const { audit, records } = trail();
  audit.record({ ...denied, room: 'x'.repeat(60_000) });
  expect(records[0]?.room).toBe('x'.repeat(128));
});

test.each<[string, () => void | Promise<void>]>([
  [
    'throws',
    () => {
      throw new Error('disk full');
    },
  ],
  ['rejects', async () => await Promise.reject(new Error('disk full'))],
])('a sink that %s is logged once a second, and nobody else notices', async (_how, record) => {
  const log = new MemoryLog();
  const audit = new AuditTrail('n1', { record }, log);
  for (const room of ['a', 'b', 'c']) audit.record({ ...denied, room });
  await new Promise(setImmediate);
  expect(log.records).toEqual([
    {
      level: 'error',
      message: 'audit_failed',
      fields: { id: expect.any(String), action: 'access-denied', error: 'Error: disk full' },
    },
  ]);
});

test('pino has what was allowed as info, what was denied as a warning, and the alarm as an error', () => {
  const lines: [string, object, string][] = [];
  const level = (name: string) => (fields: object, message: string) =>
    lines.push([name, fields, message]);
  const sink = pinoAudit({ info: level('info'), warn: level('warn'), error: level('error') });
  const record = (entry: AuditEntry): AuditRecord => ({ id: '1', at: 1, node: 'n1', ...entry });
  const records = [
    record({ action: 'room-joined', outcome: 'allowed' }),
    record(denied),
    record({ action: 'isolation-violation', outcome: 'denied' }),
  ] as const;
  for (const each of records) void sink.record(each);
  expect(lines).toEqual([
    ['info', records[0], 'room-joined'],
    ['warn', records[1], 'access-denied'],
    ['error', records[2], 'isolation-violation'],
  ]);
});

const rooms: RoomRules = {
  'open:*': { authorize: () => true, presence: true, typing: true },
  'closed:*': { authorize: () => false },
  'unruled:*': {},
};

async function start() {
  const rpc = {
    refuse: () => {
      throw new ProtocolError(103, 'permission denied');
    },
  };
  const server = await serve({ rooms, rpc });
  const client = await connected(server, 'acme/ada');
  return { server, client, ada: { realm: acme, userId: 'ada', address: expect.any(String) } };
}

const rpc = (method: string, room: string) => ({
  rpc: { method, data: { room, isTyping: true, text: 'psst' } },
});

test.each<[object, Partial<AuditRecord>]>([
  [{ subscribe: { channel: 'closed:1' } }, { room: 'closed:1', reason: 'policy' }],
  [{ subscribe: { channel: 'unruled:1' } }, { room: 'unruled:1', reason: 'no-rule' }],
  [{ subscribe: { channel: 'any' } }, { room: 'any', reason: 'no-rule' }],
  [{ subscribe: { channel: '@user' } }, { room: '@user', reason: 'reserved-name' }],
  [{ presence: { channel: 'closed:1' } }, { room: 'closed:1', reason: 'policy' }],
  [{ presence_stats: { channel: 'any' } }, { room: 'any', reason: 'no-rule' }],
  [{ history: { channel: 'closed:1' } }, { room: 'closed:1', reason: 'policy' }],
  [{ publish: { channel: 'open:1', data: 'psst' } }, { room: 'open:1', reason: 'not-subscribed' }],
  [{ sub_refresh: { channel: 'open:1', token: 'hush' } }, { reason: 'not-subscribed' }],
  [rpc('trunkline:presence', 'closed:1'), { room: 'closed:1', reason: 'policy' }],
  [rpc('trunkline:typing', 'open:1'), { room: 'open:1', reason: 'not-subscribed' }],
  [rpc('refuse', 'open:1'), { reason: 'handler', details: { command: 'rpc', method: 'refuse' } }],
])('a client that is answered 103 is put on record: %o', async (command, expected) => {
  const { server, client, ada } = await start();
  expect(await client.ask(2, command)).toMatchObject({ error: { code: 103 } });
  expect(server.audit.records).toEqual([
    expect.objectContaining({ action: 'access-denied', outcome: 'denied', ...ada, ...expected }),
  ]);
  expect(server.audit.records[0]).toMatchObject({ details: { command: Object.keys(command)[0] } });
  expect(JSON.stringify(server.audit.records)).not.toMatch(/psst|hush/);
});

test('so is a subscriber that publishes where subscribers may not', async () => {
  const { server, client, ada } = await start();
  await client.ask(2, { subscribe: { channel: 'open:1' } });
  expect(await client.ask(3, { publish: { channel: 'open:1', data: 1 } })).toMatchObject({
    error: { code: 103 },
  });
  expect(server.audit.records.map(({ action, reason }) => [action, reason])).toEqual([
    ['room-joined', 'policy'],
    ['access-denied', 'publish-off'],
  ]);
  expect(server.audit.records[0]).toMatchObject({ outcome: 'allowed', room: 'open:1', ...ada });
});

test('the reserved spellings are a reach for another realm', async () => {
  const { server, client, ada } = await start();
  for (const [index, channel] of ['platform:admins', 'tenant:globex:admins'].entries()) {
    const answer = await client.ask(index + 2, { subscribe: { channel } });
    expect(answer).toMatchObject({ error: { code: 103 } });
  }
  expect(server.audit.records).toEqual(
    ['platform:admins', 'tenant:globex:admins'].map((room) =>
      expect.objectContaining({ action: 'cross-tenant', room, reason: 'reserved-name', ...ada }),
    ),
  );
});

test('a bad token for a room is put on record, and ends the connection', async () => {
  const authorize = () => {
    throw disconnects.invalidToken;
  };
  const server = await serve({ rooms: { '*': { authorize } } });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'a', token: 'hush' } });
  expect(await client.closed()).toBe(3500);
  expect(server.audit.records).toMatchObject([
    { action: 'access-denied', room: 'a', reason: 'invalid-token', userId: 'ada' },
  ]);
  expect(JSON.stringify(server.audit.records)).not.toContain('hush');
});

test('who comes back with what was revoked is put on record as somebody', async () => {
  const issuedAt = Date.now();
  const server = await serve({
    authenticate: () => ({ userId: 'ada', realm: acme, roles: [], issuedAt }),
  });
  await server.node.users.disconnect({ realm: acme, userId: 'ada' });
  const client = await new RawClient(server.url).open();
  client.send({ id: 1, connect: {} });
  expect(await client.closed()).toBe(3500);
  expect(server.audit.records.at(-1)).toMatchObject({
    action: 'authentication-failed',
    reason: 'revoked',
    realm: acme,
    userId: 'ada',
  });
});

test('positions in channels that are not its own are one record of a connect', async () => {
  const server = await serve({ rooms, roomsOf: () => ['open:1'] });
  const client = new RawClient(server.url);
  const position = { recover: true, offset: 0, epoch: 'x' };
  const names = ['@user', '@all', 'open:1', 'closed:1', 'platform:admins'];
  await client.connect('acme/ada', {
    subs: Object.fromEntries(names.map((name) => [name, position])),
  });
  expect(server.audit.records).toEqual([
    expect.objectContaining({
      action: 'cross-tenant',
      room: 'platform:admins',
      reason: 'not-subscribed',
      details: { command: 'connect', channels: 2 },
    }),
  ]);
});

test('a connect that nobody is known by is put on record, without its token and cookie', async () => {
  const server = await serve({ authenticate: () => null });
  const headers = { cookie: 'who=hush', origin: server.httpUrl };
  const client = await new RawClient(server.url, { headers }).open();
  client.send({ id: 1, connect: { token: 'hush', data: 'hush' } });
  expect(await client.closed()).toBe(3500);
  expect(server.audit.records).toEqual([
    {
      id: expect.any(String),
      node: server.node.id,
      at: expect.any(Number),
      action: 'authentication-failed',
      outcome: 'denied',
      clientId: expect.any(String),
      address: expect.stringContaining('127.0.0.1'),
      reason: 'refused',
    },
  ]);
});

test('so is a page of a foreign origin', async () => {
  const server = await serve();
  const client = new RawClient(server.url, { headers: { origin: 'https://evil.example' } });
  await client.closed();
  expect(server.audit.records).toEqual([
    expect.objectContaining({
      action: 'origin-rejected',
      outcome: 'denied',
      address: expect.stringContaining('127.0.0.1'),
      details: { origin: 'https://evil.example' },
    }),
  ]);
});

test.each([
  ['globex', 'ada', 'cross-tenant'],
  ['acme', 'ben', 'authentication-failed'],
])('a refresh as %s/%s is put on record as %s', async (tenantId, userId, action) => {
  const expiresAt = Date.now() + 60_000;
  const server = await serve({
    authenticate: ({ token = '' }) => {
      const [tenant = '', user = ''] = token.split('/');
      return { userId: user, realm: { kind: 'tenant', tenantId: tenant }, roles: [], expiresAt };
    },
  });
  const client = new RawClient(server.url);
  await client.connect('acme/ada');
  client.send({ id: 2, refresh: { token: `${tenantId}/${userId}` } });
  expect(await client.closed()).toBe(3500);
  expect(server.audit.records).toEqual([
    expect.objectContaining({
      action,
      outcome: 'denied',
      realm: acme,
      userId: 'ada',
      reason: 'refresh-as-another',
      details: { asked: { realm: { kind: 'tenant', tenantId }, userId } },
    }),
  ]);
});

test("a tenant's limits are put on record when it comes to them, others are not", async () => {
  const server = await serve({
    rooms: { '*': { authorize: () => true, publish: 'members', payload: 'json' } },
    limits: {
      maxConnectionsPerTenant: 1,
      publishesPerSecond: 1,
      publishBurst: 1,
      subscribeBurst: 128,
    },
  });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'a' } });
  for (const id of [3, 4]) await client.ask(id, { publish: { channel: 'a', data: 1 } });
  const second = await new RawClient(server.url).open();
  second.send({ id: 1, connect: { token: 'acme/ben' } });
  expect(await second.closed()).toBe(3504);
  const quotas = server.audit.records.filter(({ action }) => action === 'quota-exceeded');
  expect(quotas).toEqual([
    expect.objectContaining({ outcome: 'denied', reason: 'publishesPerSecond', userId: 'ada' }),
    expect.objectContaining({ reason: 'maxConnectionsPerTenant', userId: 'ben', realm: acme }),
  ]);
  server.node.exceeded('maxQueuedBytes');
  expect(server.audit.records.filter(({ action }) => action === 'quota-exceeded')).toEqual(quotas);
});

test('an app puts on record what it likes', async () => {
  const server = await serve();
  server.node.audit({ action: 'platform-send', outcome: 'allowed', realm: acme, userId: 'ada' });
  expect(server.audit.records).toMatchObject([{ action: 'platform-send', userId: 'ada' }]);
});
