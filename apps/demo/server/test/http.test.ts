import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationComplete } from '@trunkline/contract';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuthService } from '@/auth/auth.service';
import { SupportViews } from '@/auth/support-views';
import { sampleFolder } from '@/folders';
import type { Database } from '@/infrastructure/database/database';
import { sessions } from '@/infrastructure/database/schema';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { Browser } from './http.ts';

describe.each(['express', 'fastify'] as const)('on %s', (HTTP_ADAPTER) => {
  let demo: DemoApp;
  let url: string;

  beforeAll(async () => {
    demo = await startDemoApp(HTTP_ADAPTER);
    url = demo.url;
  });

  afterAll(() => demo.close());

  const visit = () => new Browser(url);
  const signIn = (email: string) => demo.signIn(email);

  describe('signing in', () => {
    const ada = {
      id: 'ada',
      email: 'ada@acme.test',
      name: 'Ada Lovelace',
      role: 'admin',
      realm: { kind: 'tenant', tenantId: 'acme' },
      tenantId: 'acme',
      tenants: [{ id: 'acme', name: 'Acme', role: 'admin' }],
    };

    test('sets a cookie that scripts cannot read, until the log-out', async () => {
      const browser = visit();
      const login = await browser.login('Ada@ACME.test');
      expect(login.status).toBe(200);
      expect(login.json).toEqual({ user: ada });
      expect(login.headers.get('set-cookie')).toMatch(
        /^trunkline_demo_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/,
      );
      expect((await browser.get('/api/auth/me')).json).toEqual({ user: ada });

      const stolen = browser.cookie;
      expect((await browser.post('/api/auth/logout')).status).toBe(204);
      const me = await visit().request('GET', '/api/auth/me', undefined, { cookie: stolen });
      expect(me.status).toBe(401);
      expect(me.json.message).toBe('Log in first');
    });

    test('platform staff are in no tenant', async () => {
      const browser = await signIn('root@platform.test');
      const { json } = await browser.get('/api/auth/me');
      expect(json.user).toMatchObject({ realm: { kind: 'platform' }, tenantId: null, tenants: [] });
    });

    test('a wrong password and an unknown address get the same answer', async () => {
      const wrong = await visit().login('ada@acme.test', 'Demo');
      const unknown = await visit().login('nobody@acme.test', 'demo');
      expect([wrong.status, unknown.status]).toEqual([401, 401]);
      expect(wrong.json).toEqual(unknown.json);
      expect(wrong.json.message).toBe('E-mail or password is wrong');
      expect(wrong.headers.get('set-cookie')).toBeNull();
    });

    test('a body that is no log-in is told what is missing', async () => {
      const { status, json } = await visit().post('/api/auth/login', { email: 'ada@acme.test' });
      expect(status).toBe(400);
      expect(json.message).toMatch(/^password: /);
      expect((await visit().post('/api/auth/login', '{"email"')).status).toBe(400);
    });

    test('the token is stored hashed, and ends after seven days', async () => {
      const browser = await signIn('ben@acme.test');
      const token = browser.cookie.split('=')[1] ?? '';
      const mine = (await demo.database.queries.select().from(sessions)).filter(
        ({ userId }) => userId === 'ben',
      );
      expect(JSON.stringify(mine)).not.toContain(token);
      expect((await browser.get('/api/auth/me')).status).toBe(200);
      await demo.database.queries
        .update(sessions)
        .set({ expiresAt: new Date(Date.now() - 1) })
        .where(eq(sessions.userId, 'ben'));
      expect((await browser.get('/api/auth/me')).status).toBe(401);
    });

    test('behind TLS the cookie is for TLS only', async () => {
      const headers = { 'x-forwarded-proto': 'https' };
      const body = { email: 'ada@acme.test', password: 'demo' };
      const login = await visit().post('/api/auth/login', body, headers);
      expect(login.headers.get('set-cookie')).toContain('; Secure');
    });

    test('a page of another site cannot change anything', async () => {
      const body = { email: 'ada@acme.test', password: 'demo' };
      const evil = await visit().post('/api/auth/login', body, { origin: 'https://evil.example' });
      expect(evil.status).toBe(403);
      expect((await visit().post('/api/auth/login', body, { origin: 'null' })).status).toBe(403);
      expect((await visit().post('/api/auth/login', body, { origin: url })).status).toBe(200);
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const posted = await visit().post(
        '/api/auth/login',
        'email=ada@acme.test&password=demo',
        form,
      );
      expect([400, 415]).toContain(posted.status);
    });
  });

  describe('the users table', () => {
    test('is a tenant’s own', async () => {
      expect((await visit().get('/api/users')).status).toBe(401);
      const acme = (await (await signIn('ben@acme.test')).get('/api/users')).json;
      const globex = (await (await signIn('cleo@globex.test')).get('/api/users')).json;
      expect(acme.users.map(({ id }: { id: string }) => id)).toEqual(['ada', 'ben', 'dana']);
      expect(globex.users.map(({ id }: { id: string }) => id)).toEqual(['cleo', 'dana']);
      const root = await (await signIn('root@platform.test')).get('/api/users');
      expect(root.status).toBe(403);
      expect(root.json.message).toContain('sign in with a tenant account');
    });

    test('is sorted, searched and paged by the server', async () => {
      const browser = await signIn('ada@acme.test');
      const rows = ['m', 'k', 'l'].map((name) => `${name}@example.com,100%_${name},member,Sales`);
      const csvData = ['email,name,role,department', ...rows].join('\n');
      expect((await browser.post('/api/users/import', { csvData })).status).toBe(200);

      const list = async (query: string) => (await browser.get(`/api/users?${query}`)).json;
      const names = async (query: string) =>
        (await list(query)).users.map(({ name }: { name: string }) => name);
      expect(await names('sort=email&direction=desc&pageSize=2')).toEqual(['100%_m', '100%_l']);
      expect(await names('sort=email&direction=desc&pageSize=2&page=2')).toEqual([
        '100%_k',
        'Dana Lindqvist',
      ]);
      expect(await list('search=%25_&pageSize=1')).toMatchObject({
        total: 3,
        page: 1,
        pageSize: 1,
      });
      expect(await list('search=LOVELACE')).toMatchObject({ total: 1, users: [{ id: 'ada' }] });
      expect(await list('page=99')).toMatchObject({ total: 6, users: [] });
      const wrong = await browser.get('/api/users?sort=password_hash&page=0');
      expect(wrong.status).toBe(400);
      expect(wrong.json.message).toMatch(/page: .*sort: /);

      expect((await browser.request('DELETE', '/api/users/imported')).json).toEqual({ deleted: 3 });
      expect(await list('')).toMatchObject({ total: 3 });
    });
  });

  describe('an import', () => {
    test('is seen live by its user, and refreshes a colleague’s table', async () => {
      const ada = await signIn('ada@acme.test');
      const ben = await signIn('ben@acme.test');
      const cleo = await signIn('cleo@globex.test');
      const [adaLive, benLive, cleoLive] = await Promise.all(
        [ada, ben, cleo].map((browser) => demo.live(browser)),
      );
      const csvData = readFileSync(join(sampleFolder, 'users-bad-rows.csv'), 'utf8');
      const { status, json } = await ada.post('/api/users/import', { csvData });

      expect(status).toBe(200);
      const complete = await adaLive.received('operation:complete');
      expect(complete.data as OperationComplete).toEqual({
        operationId: json.operationId,
        operationType: 'user-import',
        result: json.results,
      });
      expect(complete).toMatchObject({ tenantId: 'acme', scope: 'user' });
      const stages = adaLive.events
        .filter(({ type }) => type === 'operation:progress')
        .map(({ data }) => data.stage);
      expect(stages).toEqual(['parsing', 'validating', 'importing', 'finalizing']);
      expect(await benLive.received('trunkline:refresh')).toMatchObject({
        data: { tables: ['users'], cause: complete.id },
      });
      expect(benLive.events.map(({ type }) => type)).toEqual(['trunkline:refresh']);
      expect(cleoLive.events).toEqual([]);
    });

    test('that is refused answers with the operation whose toast has told it', async () => {
      const browser = await signIn('ada@acme.test');
      const live = await demo.live(browser);
      const { status, json } = await browser.post('/api/users/import', { csvData: 'a;b\n1;2' });
      expect(status).toBe(400);
      expect(json).toMatchObject({ statusCode: 400, error: 'Bad Request' });
      const error = await live.received('operation:error');
      expect(error.data).toEqual({
        operationId: json.operationId,
        operationType: 'user-import',
        error: json.message,
      });
    });

    test('without a body is refused as a file that did not come', async () => {
      const browser = await signIn('ada@acme.test');
      const { status, json } = await browser.post('/api/users/import');
      expect(status).toBe(400);
      expect(json).toMatchObject({ operationId: expect.any(String) });
      expect(json.message).toMatch(/^No file came/);
    });

    test('of more than 20 MB gets our own words; far beyond that the parser refuses', async () => {
      const browser = await signIn('ada@acme.test');
      const large = await browser.post('/api/users/import', { csvData: 'x'.repeat(21 << 20) });
      expect(large.status).toBe(413);
      expect(large.json).toMatchObject({
        message: 'The file has 21.0 MB, the limit is 20 MB: split it and import the parts',
        operationId: expect.any(String),
      });
      const huge = await browser.post('/api/users/import', { csvData: 'x'.repeat(33 << 20) });
      expect(huge.status).toBe(413);
    });

    test('or a log-out with the type of a body but none in it is like one without', async () => {
      const browser = await signIn('ada@acme.test');
      expect((await browser.post('/api/users/import', '')).json.message).toMatch(/^No file came/);
      expect((await browser.post('/api/auth/logout', '')).status).toBe(204);
    });

    test('needs a tenant', async () => {
      const root = await signIn('root@platform.test');
      expect((await visit().post('/api/users/import', { csvData: '' })).status).toBe(401);
      expect((await root.post('/api/users/import', { csvData: '' })).status).toBe(403);
      expect((await root.request('DELETE', '/api/users/imported')).status).toBe(403);
    });
  });

  // What they do in full, on one of the two, is in the tests of each.
  test('serves chats, products and the platform', async () => {
    const ada = await signIn('ada@acme.test');
    const chat = await ada.post('/api/chats', { name: 'Release', memberIds: ['ben'] });
    expect([chat.status, chat.json.members.length]).toEqual([201, 2]);
    const path = `/api/chat/${chat.json.id}/messages`;
    expect((await ada.post(path, { text: 'Hello' })).json.seq).toBe(1);
    expect((await ada.get(`${path}?limit=1`)).json.messages).toHaveLength(1);
    expect((await ada.delete(`/api/chats/${chat.json.id}/members/ben`)).status).toBe(200);
    expect((await ada.get('/api/chat/a%2Fb/messages')).status).toBe(400);
    expect((await ada.patch('/api/products/webcam', { stock: 2 })).json.version).toBe(2);
    expect((await ada.delete('/api/products/webcam')).status).toBe(204);
    expect((await ada.get('/api/products/webcam')).status).toBe(404);
    expect((await ada.post('/api/chats')).status).toBe(400);

    const root = await signIn('root@platform.test');
    const view = await root.post('/api/platform/support-views', {
      tenantId: 'acme',
      reason: 'Why',
    });
    expect(view.status).toBe(201);
    expect((await root.tab('acme').get('/api/users')).status).toBe(200);
    const closed = await root.request('DELETE', '/api/platform/support-views/acme', '');
    expect([closed.status, closed.text]).toEqual([204, '']);
    expect((await root.tab('acme').get('/api/users')).status).toBe(401);
    expect((await root.get('/api/platform/audit')).status).toBe(200);
  });

  test('says that it is well', async () => {
    const { status, json, headers } = await visit().get('/api/health');
    expect([status, json]).toEqual([200, { status: 'ok', database: 'pglite' }]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });

  test('nobody keeps an answer, which would be another one in another tenant', async () => {
    const { headers } = await visit().get('/api/auth/me');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  test('an unknown path of the API is a 404 in JSON', async () => {
    const { status, json } = await visit().get('/api/nothing/here?x=1');
    expect(status).toBe(404);
    expect(json.message).toBe('Cannot GET /api/nothing/here?x=1');
  });

  test('offers the sample files, and no other', async () => {
    const sample = await visit().get('/samples/users-10000.csv');
    expect(sample.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(sample.text.split('\n')).toHaveLength(10_002);
    expect((await visit().get('/samples/generate.ts')).status).toBe(404);
  });
});

test('a database that does not answer logs nobody out: authenticate throws', async () => {
  const broken = { queries: undefined } as unknown as Database;
  const auth = new AuthService(broken, new SupportViews(broken));
  const request = { url: '/', remoteAddress: '127.0.0.1' };
  const headers = { cookie: 'trunkline_demo_session=abc' };
  await expect(auth.authenticate({ ...request, headers })).rejects.toThrow(TypeError);
  expect(await auth.authenticate({ ...request, headers: {} })).toBeNull();
});
