import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditRecord } from '@trunkline/server';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openPglite } from '@/infrastructure/database/database';
import { auditRecords, supportViews } from '@/infrastructure/database/schema';
import { TenantRepository } from '@/platform/tenant.repository';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { Browser } from './http.ts';
import { startLive } from './live-client.ts';

let demo: DemoApp;
let root: Browser;
let ada: Browser;
let cleo: Browser;

beforeAll(async () => {
  demo = await startDemoApp();
  root = await demo.signIn('root@platform.test');
  ada = await demo.signIn('ada@acme.test');
  cleo = await demo.signIn('cleo@globex.test');
});

afterEach(() => demo.disconnectAll());

afterAll(() => demo.close());

test('the platform is for its staff', async () => {
  const answers = async (browser: Browser) =>
    await Promise.all([
      browser.get('/api/platform/tenants'),
      browser.post('/api/platform/tenants', { id: 'initech', name: 'Initech' }),
      browser.post('/api/platform/announcements', { tenantId: 'globex', message: 'Hi' }),
      browser.post('/api/platform/alerts', { severity: 'high', message: 'Hi' }),
      browser.post('/api/platform/support-views', { tenantId: 'globex', reason: 'Hi' }),
      browser.delete('/api/platform/support-views/acme'),
      browser.get('/api/platform/audit'),
    ]);
  for (const { status } of await answers(ada)) expect(status).toBe(403);
  for (const { status } of await answers(new Browser(demo.url))) expect(status).toBe(401);
});

describe('tenants', () => {
  test('are listed with how many people they have', async () => {
    expect((await root.get('/api/platform/tenants')).json).toEqual({
      tenants: [
        { id: 'acme', name: 'Acme', users: 3, createdAt: expect.any(String) },
        { id: 'globex', name: 'Globex', users: 2, createdAt: expect.any(String) },
      ],
    });
  });

  test('are created by an operation that its caller sees; the platform’s admins are told', async () => {
    const [rootLive, adaLive] = await Promise.all([demo.live(root), demo.live(ada)]);
    const body = { id: 'initech', name: 'Initech' };
    const { status, headers, json } = await root.post('/api/platform/tenants', body);
    expect(status).toBe(202);
    expect(json).toMatchObject({ type: 'tenant-creation', state: 'running', ownerId: 'root' });
    expect(headers.get('location')).toBe(`/api/operations/${json.id}`);
    const complete = await rootLive.received('operation:complete');
    expect(complete).toMatchObject({
      scope: 'user',
      data: { operationId: json.id, operationType: 'tenant-creation', result: body },
      metadata: {
        tablesToRefresh: ['tenants'],
        message: 'Initech is ready: admin@initech.test can sign in.',
      },
    });
    expect(await rootLive.received('platform:notification')).toMatchObject({
      scope: 'role',
      data: { message: 'New tenant created: Initech' },
    });
    const refreshed = await rootLive.received('trunkline:refresh');
    expect(refreshed.data).toEqual({ tables: ['tenants'], cause: complete.id });
    const stages = rootLive.events.flatMap(({ type, data }) =>
      type === 'operation:progress' && data.stage ? [`${data.stage} ${data.percentage}`] : [],
    );
    expect([...new Set(stages)]).toEqual(['preparing 10', 'seeding 50', 'finalizing 90']);
    expect((await root.get('/api/operations?owner=me')).json.operations).toMatchObject([
      { id: json.id, state: 'succeeded', labels: { tenant: 'initech' } },
    ]);
    expect((await ada.get(`/api/operations/${json.id}`)).status).toBe(404);
    expect(adaLive.events).toEqual([]);

    const admin = await demo.signIn('admin@initech.test');
    expect((await admin.get('/api/auth/me')).json.user).toMatchObject({
      name: 'Initech Admin',
      role: 'admin',
      tenantId: 'initech',
    });
    expect((await admin.get('/api/users')).json.total).toBe(4);
    expect((await admin.get('/api/products')).json.products.length).toBeGreaterThan(3);
    expect((await admin.get('/api/chats')).json.chats).toMatchObject([{ id: 'general' }]);
    const listed = (await root.get('/api/platform/tenants')).json.tenants;
    expect(listed).toContainEqual(expect.objectContaining({ id: 'initech', users: 4 }));
  });

  test('exist once, also when two are asked for at the same time', async () => {
    const create = () => root.post('/api/platform/tenants', { id: 'hooli', name: 'Hooli' });
    const rootLive = await demo.live(root);
    const statuses = (await Promise.all([create(), create()])).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202, 409]));
    await rootLive.received('operation:complete');
    const again = await create();
    expect([again.status, again.json.message]).toEqual([409, 'There is a tenant hooli already']);
  });

  test('are whole for the operation that created them, and exist for any other', async () => {
    const tenants = demo.app.get(TenantRepository, { strict: false });
    const create = (operationId: string) =>
      tenants.create({ id: 'umbrella', name: 'Umbrella' }, { passwordHash: 'x', operationId });
    await create('first');
    await expect(create('second')).rejects.toThrow('There is a tenant umbrella already');
    await create('first'); // its second attempt
    const listed = (await root.get('/api/platform/tenants')).json.tenants;
    expect(listed).toContainEqual(expect.objectContaining({ id: 'umbrella', users: 4 }));
  });

  test('have ids that fit in an address', async () => {
    for (const id of ['', 'Acme', '1a', 'a b', 'a'.repeat(40), 'x:admins', 'x.y']) {
      const { status, json } = await root.post('/api/platform/tenants', { id, name: 'X' });
      expect([status, json.message]).toEqual([400, expect.stringMatching(/^id: /)]);
    }
  });
});

describe('messages', () => {
  test('an announcement reaches one tenant, an alert the platform, and nobody else', async () => {
    const dana = await demo.signIn('dana@agency.test');
    const [rootLive, adaLive, cleoLive, danaLive] = await Promise.all([
      demo.live(root),
      demo.live(ada),
      demo.live(cleo),
      demo.live(dana, 'globex'),
    ]);
    const announced = await root.post('/api/platform/announcements', {
      tenantId: 'globex',
      message: 'Updates tonight',
    });
    expect(announced.status).toBe(202);
    expect(announced.json.receipt).toMatchObject({ status: 'accepted' });
    const alert = { severity: 'high', message: 'Disk is full' };
    expect((await root.post('/api/platform/alerts', alert)).status).toBe(202);
    await ada.patch('/api/products/webcam', { stock: 1 });

    for (const live of [cleoLive, danaLive]) {
      expect((await live.received('tenant:announcement')).data).toEqual({
        message: 'Updates tonight',
      });
      expect(live.events).toHaveLength(1);
    }
    expect((await rootLive.received('platform:alert')).data).toEqual(alert);
    expect(rootLive.events).toHaveLength(1);
    await adaLive.received('data:product:updated');
    expect(adaLive.events).toHaveLength(1);
  });

  test('need a tenant that exists and words', async () => {
    const announce = (tenantId: string, message: string) =>
      root.post('/api/platform/announcements', { tenantId, message });
    const absent = await announce('nowhere', 'Hi');
    expect([absent.status, absent.json.message]).toEqual([404, 'There is no such tenant']);
    expect((await announce('tenant:acme', 'Hi')).status).toBe(400);
    expect((await announce('acme', ' ')).status).toBe(400);
    const alert = await root.post('/api/platform/alerts', { severity: 'low', message: 'Hi' });
    expect([alert.status, alert.json.message]).toEqual([400, expect.stringMatching(/^severity: /)]);
  });
});

describe('a support view', () => {
  const open = async (tenantId: string, reason = 'Ticket 4711') =>
    await root.post('/api/platform/support-views', { tenantId, reason });

  test('lets staff look into one tenant, as somebody of their own, for half an hour', async () => {
    expect((await root.tab('acme').get('/api/users')).status).toBe(401);
    const { status, json } = await open('acme');
    expect(status).toBe(201);
    const leftMs = Date.parse(json.expiresAt) - Date.now();
    expect(leftMs).toBeGreaterThan(29 * 60_000);
    expect(leftMs).toBeLessThanOrEqual(30 * 60_000);

    const view = root.tab('acme');
    expect((await view.get('/api/auth/me')).json.user).toEqual({
      id: 'support:root',
      email: 'root@platform.test',
      name: 'Robin Root',
      role: 'viewer',
      realm: { kind: 'tenant', tenantId: 'acme' },
      tenantId: 'acme',
      tenants: [{ id: 'acme', name: 'Acme', role: 'viewer' }],
      actingAs: { userId: 'root', reason: 'Ticket 4711', expiresAt: json.expiresAt },
    });
    expect((await view.get('/api/users')).json.total).toBe(3);
    expect((await view.get('/api/products')).status).toBe(200);
    expect((await view.get('/api/chats')).json).toEqual({ chats: [] });
    expect((await view.get('/api/chat/general/messages')).status).toBe(404);
    const changes = [
      view.post('/api/chats', { name: 'x', memberIds: ['ben'] }),
      view.patch('/api/products/desk-lamp', { stock: 1 }),
      view.delete('/api/products/desk-lamp'),
      view.post('/api/users/import', { csvData: 'email,name,role' }),
      view.delete('/api/users/imported'),
    ];
    for (const { status: refused } of await Promise.all(changes)) expect(refused).toBe(403);
    expect((await view.get('/api/platform/tenants')).status).toBe(403);
    expect((await root.tab('globex').get('/api/auth/me')).status).toBe(401);
    expect((await root.get('/api/auth/me')).json.user.tenantId).toBeNull();
    const live = await demo.live(root, 'acme');
    await ada.patch('/api/products/desk-lamp', { stock: 11 });
    await live.received('data:product:updated');
  });

  test.each(['acme', undefined])('ends at once, asked for from %s', async (from) => {
    await open('acme');
    const [live, rootLive] = await Promise.all([demo.live(root, 'acme'), demo.live(root)]);
    expect((await root.tab(from).delete('/api/platform/support-views/acme')).status).toBe(204);
    expect(await live.gone).toBe(3503);
    expect((await root.tab('acme').get('/api/users')).status).toBe(401);
    expect(await startLive(demo.url, root.cookie, 'acme').gone).toBe(3500);
    await root.post('/api/platform/alerts', { severity: 'info', message: 'Still here' });
    await rootLive.received('platform:alert');
    await open('acme');
    await demo.live(root, 'acme');
  });

  test('is over when its time is', async () => {
    await open('globex');
    await demo.database.queries
      .update(supportViews)
      .set({ expiresAt: new Date(Date.now() - 1) })
      .where(eq(supportViews.tenantId, 'globex'));
    expect((await root.tab('globex').get('/api/auth/me')).status).toBe(401);
  });

  test('ends with the log-out of whoever looks', async () => {
    const other = await demo.signIn('root@platform.test');
    await open('acme');
    const live = await demo.live(other, 'acme');
    await other.post('/api/auth/logout');
    expect(await live.gone).toBe(3503);
    const again = await demo.signIn('root@platform.test');
    expect((await again.tab('acme').get('/api/users')).status).toBe(401); // for a new reason
  });

  test('needs a tenant that exists and a reason', async () => {
    expect((await open('nowhere')).status).toBe(404);
    expect((await open('acme', '  ')).json.message).toMatch(/^reason: /);
    expect((await root.delete('/api/platform/support-views/a%20b')).status).toBe(400);
    expect((await ada.delete('/api/platform/support-views/acme')).status).toBe(403);
  });
});

test('what is put on record while the server stops is kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-audit-'));
  const other = await startDemoApp('express', folder);
  const browser = await other.signIn('cleo@globex.test');
  // The second is held back until there is no third: the same happened a moment ago.
  for (let i = 0; i < 2; i++) await startLive(other.url, browser.cookie, 'acme').gone;
  await other.close();
  const database = await openPglite(folder);
  expect(await database.queries.$count(auditRecords)).toBe(2);
  await database.close();
  rmSync(folder, { recursive: true });
});

test('the audit trail tells who looked where, what was refused and what was taken away', async () => {
  await root.post('/api/platform/support-views', { tenantId: 'acme', reason: 'Ticket 12' });
  await demo.live(root, 'acme');
  await startLive(demo.url, cleo.cookie, 'acme').gone;
  await root.delete('/api/platform/support-views/acme');

  const { status, json } = await root.get('/api/platform/audit?limit=50');
  expect(status).toBe(200);
  const records = json.records as AuditRecord[];
  const times = records.map(({ at }) => at);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect(records).toContainEqual(
    expect.objectContaining({
      action: 'support-view',
      outcome: 'allowed',
      userId: 'support:root',
      realm: { kind: 'tenant', tenantId: 'acme' },
      reason: 'Ticket 12',
    }),
  );
  expect(records).toContainEqual(
    expect.objectContaining({ action: 'revocation', userId: 'support:root' }),
  );
  expect(records).toContainEqual(
    expect.objectContaining({ action: 'authentication-failed', outcome: 'denied' }),
  );
  expect((await root.get('/api/platform/audit?limit=1')).json.records).toHaveLength(1);
  expect((await root.get('/api/platform/audit?limit=0')).status).toBe(400);
});
