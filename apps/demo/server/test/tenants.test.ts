import type { Principal } from '@trunkline/server';
import { and, eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AuthService } from '@/auth/auth.service';
import { memberships } from '@/infrastructure/database/schema';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { Browser } from './http.ts';
import { startLive } from './live-client.ts';

let demo: DemoApp;

beforeAll(async () => {
  demo = await startDemoApp();
});

afterEach(() => demo.disconnectAll());

afterAll(() => demo.close());

describe('somebody of two tenants', () => {
  test('acts in the one that the page names, else in the first', async () => {
    const dana = await demo.signIn('dana@agency.test');
    const me = async (browser: Browser) => (await browser.get('/api/auth/me')).json.user;
    expect(await me(dana)).toEqual({
      id: 'dana',
      email: 'dana@agency.test',
      name: 'Dana Lindqvist',
      role: 'member',
      realm: { kind: 'tenant', tenantId: 'acme' },
      tenantId: 'acme',
      tenants: [
        { id: 'acme', name: 'Acme', role: 'member' },
        { id: 'globex', name: 'Globex', role: 'member' },
      ],
    });
    expect(await me(dana.tab('globex'))).toMatchObject({
      realm: { kind: 'tenant', tenantId: 'globex' },
      tenantId: 'globex',
    });
    const signedIn = await new Browser(demo.url, { tenantId: 'globex' }).login('dana@agency.test');
    expect(signedIn.json.user.tenantId).toBe('globex');
    const elsewhere = await new Browser(demo.url, { tenantId: 'globex' }).login('ada@acme.test');
    expect(elsewhere.json.user.tenantId).toBe('acme');
  });

  test('sees in each tenant what is that tenant’s, under the same names too', async () => {
    const dana = await demo.signIn('dana@agency.test');
    const [ada, cleo] = [await demo.signIn('ada@acme.test'), await demo.signIn('cleo@globex.test')];
    const [inAcme, inGlobex] = [dana.tab('acme'), dana.tab('globex')];
    const [acmeLive, globexLive, cleoLive] = await Promise.all([
      demo.live(dana, 'acme'),
      demo.live(dana, 'globex'),
      demo.live(cleo),
    ]);
    await ada.post('/api/chat/general/messages', { text: 'Of Acme' });
    await cleo.post('/api/chat/general/messages', { text: 'Of Globex' });
    await acmeLive.received('chat:message');
    await globexLive.received('chat:message');
    await cleoLive.received('chat:message');
    const texts = (events: { data: { message: { text: string } } }[]) =>
      events.map(({ data }) => data.message.text);
    expect(texts(acmeLive.events)).toEqual(['Of Acme']);
    expect(texts(globexLive.events)).toEqual(['Of Globex']);
    expect(texts(cleoLive.events)).toEqual(['Of Globex']);

    const read = async (browser: Browser) =>
      (await browser.get('/api/chat/general/messages')).json.messages.map(
        ({ text }: { text: string }) => text,
      );
    expect(await read(inAcme)).toEqual(['Of Acme']);
    expect(await read(ada)).toEqual(['Of Acme']);
    expect(await read(inGlobex)).toEqual(['Of Globex']);
    expect(await read(cleo)).toEqual(['Of Globex']);

    const { json: chat } = await cleo.post('/api/chats', { name: 'Plans', memberIds: ['dana'] });
    expect((await inGlobex.get(`/api/chat/${chat.id}/messages`)).status).toBe(200);
    expect((await inAcme.get(`/api/chat/${chat.id}/messages`)).status).toBe(404);
    const said = await inAcme.post(`/api/chat/${chat.id}/messages`, { text: 'Hi' });
    expect(said.status).toBe(404);
    await globexLive.received('chat:added');
    expect(acmeLive.events).toHaveLength(1);
  });
});

test('a tenant that is not theirs lets nobody in, by header or by connection', async () => {
  const cleo = await demo.signIn('cleo@globex.test');
  const root = await demo.signIn('root@platform.test');
  for (const tenantId of ['acme', 'nowhere', 'platform', 'acme%00', 'a'.repeat(200)]) {
    for (const browser of [cleo, root]) {
      const { status } = await browser.tab(tenantId).get('/api/auth/me');
      expect(status).toBe(401);
      expect(await startLive(demo.url, browser.cookie, tenantId).gone).toBe(3500);
    }
  }
  expect((await cleo.tab('acme').get('/api/chat/general/messages')).status).toBe(401);
  expect((await cleo.get('/api/auth/me')).json.user.tenantId).toBe('globex');
});

test('a log-out ends what this session has open in every tenant, and no other session', async () => {
  const [laptop, phone] = [
    await demo.signIn('dana@agency.test'),
    await demo.signIn('dana@agency.test'),
  ];
  const [acmeLive, globexLive, phoneLive] = await Promise.all([
    demo.live(laptop, 'acme'),
    demo.live(laptop, 'globex'),
    demo.live(phone, 'globex'),
  ]);
  expect((await laptop.post('/api/auth/logout')).status).toBe(204);
  expect(await acmeLive.gone).toBe(3503);
  expect(await globexLive.gone).toBe(3503);
  const cleo = await demo.signIn('cleo@globex.test');
  await cleo.patch('/api/products/webcam', { stock: 5 });
  await phoneLive.received('data:product:updated');
});

test('a principal is read again with what is true of it now', async () => {
  const auth = demo.app.get(AuthService);
  const browser = await demo.signIn('dana@agency.test');
  const handshake = { headers: { cookie: browser.cookie }, url: '/', remoteAddress: '127.0.0.1' };
  const dana = (await auth.authenticate({
    ...handshake,
    data: { tenantId: 'globex' },
  })) as Principal;
  expect(dana).toMatchObject({ roles: ['members'], info: { name: 'Dana Lindqvist' } });
  expect(await auth.reauthorize(dana)).toEqual(dana);

  const inGlobex = and(eq(memberships.userId, 'dana'), eq(memberships.tenantId, 'globex'));
  const { queries } = demo.database;
  await queries.update(memberships).set({ role: 'admin' }).where(inGlobex);
  expect(await auth.reauthorize(dana)).toMatchObject({ roles: ['admins'], realm: dana.realm });
  const { users } = (await browser.tab('globex').get('/api/users')).json;
  expect(users).toContainEqual(expect.objectContaining({ id: 'dana', role: 'admin' }));
  const { user } = (await browser.get('/api/auth/me')).json;
  expect([user.tenantId, user.role]).toEqual(['acme', 'member']);
  await queries.delete(memberships).where(inGlobex);
  expect(await auth.reauthorize(dana)).toBeNull();
  expect((await browser.tab('globex').get('/api/auth/me')).status).toBe(401);
  expect((await browser.get('/api/auth/me')).json.user.tenants).toHaveLength(1);
});
