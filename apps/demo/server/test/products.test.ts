import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Product } from '@/products/product';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { Browser } from './http.ts';

let demo: DemoApp;
let ada: Browser;
let cleo: Browser;

beforeAll(async () => {
  demo = await startDemoApp();
  ada = await demo.signIn('ada@acme.test');
  cleo = await demo.signIn('cleo@globex.test');
});

afterAll(() => demo.close());

test('the products are the tenant’s own, under ids that another tenant has too', async () => {
  const acme = (await ada.get('/api/products')).json.products as Product[];
  const globex = (await cleo.get('/api/products')).json.products as Product[];
  expect(acme.map(({ name }) => name)).toEqual(acme.map(({ name }) => name).toSorted());
  expect(acme.map(({ id }) => id)).toEqual(globex.map(({ id }) => id));
  expect(new Set([...acme, ...globex].map(({ tenantId }) => tenantId)).size).toBe(2);
  expect((await ada.get('/api/products/desk-lamp')).json).toEqual({
    id: 'desk-lamp',
    tenantId: 'acme',
    name: 'Desk lamp',
    price: 4900,
    stock: 120,
    version: 1,
    updatedAt: expect.any(String),
    updatedBy: null,
  });
});

test('a change is seen by the whole tenant, and by it alone', async () => {
  const ben = await demo.signIn('ben@acme.test');
  const dana = await demo.signIn('dana@agency.test');
  const [benLive, cleoLive, danaInAcme, danaInGlobex] = await Promise.all([
    demo.live(ben),
    demo.live(cleo),
    demo.live(dana, 'acme'),
    demo.live(dana, 'globex'),
  ]);
  const updates = { price: 5900, stock: 119 };
  const { status, json: product } = await ada.patch('/api/products/desk-lamp', updates);
  expect(status).toBe(200);
  expect(product).toMatchObject({ ...updates, name: 'Desk lamp', version: 2, updatedBy: 'ada' });
  for (const live of [benLive, danaInAcme]) {
    expect(await live.received('data:product:updated')).toMatchObject({
      tenantId: 'acme',
      scope: 'tenant',
      data: { productId: 'desk-lamp', product, updates },
    });
  }
  expect((await ada.get('/api/products/desk-lamp')).json).toEqual(product);
  expect((await cleo.get('/api/products/desk-lamp')).json).toMatchObject({
    price: 4900,
    version: 1,
  });

  await cleo.patch('/api/products/webcam', { stock: 3 });
  for (const live of [cleoLive, danaInGlobex]) {
    await live.received('data:product:updated');
    expect(live.events.map(({ tenantId }) => tenantId)).toEqual(['globex']);
  }
  expect(danaInAcme.events.map(({ tenantId }) => tenantId)).toEqual(['acme']);
});

test('changes at the same time all count', async () => {
  const before = (await ada.get('/api/products/webcam')).json as Product;
  const changes = Array.from({ length: 10 }, (_, i) =>
    ada.patch('/api/products/webcam', { stock: i }),
  );
  const versions = (await Promise.all(changes)).map(({ json }) => json.version);
  const expected = Array.from({ length: 10 }, (_, i) => before.version + 1 + i);
  expect(versions.toSorted((a, b) => a - b)).toEqual(expected);
});

test('a deleted product is gone for the tenant, and for it alone', async () => {
  const ben = await demo.signIn('ben@acme.test');
  const benLive = await demo.live(ben);
  const { status, text } = await ada.delete('/api/products/whiteboard');
  expect([status, text]).toEqual([204, '']);
  expect((await benLive.received('data:product:deleted')).data).toEqual({
    productId: 'whiteboard',
  });
  for (const answer of [
    await ada.get('/api/products/whiteboard'),
    await ada.patch('/api/products/whiteboard', { stock: 1 }),
    await ada.delete('/api/products/whiteboard'),
    await ada.get('/api/products/never-was'),
  ]) {
    expect([answer.status, answer.json.message]).toEqual([404, 'There is no such product']);
  }
  expect((await cleo.get('/api/products/whiteboard')).status).toBe(200);
});

test('what cannot be a change is refused', async () => {
  const messageOf = async (updates: unknown) => {
    const { status, json } = await ada.patch('/api/products/desk-lamp', updates);
    expect(status).toBe(400);
    return json.message;
  };
  expect(await messageOf({})).toBe('names nothing to change');
  expect(await messageOf({ price: 1.5 })).toMatch(/^price: /);
  expect(await messageOf({ stock: -1, price: 1e12 })).toMatch(/price: .*stock: /);
  expect(await messageOf({ name: '' })).toMatch(/^name: /);
  expect(await messageOf({ stock: 1, tenantId: 'globex' })).toMatch(/tenantId/);
  expect(await messageOf({ version: 9 })).toMatch(/version/);
});

test('products need a tenant', async () => {
  const root = await demo.signIn('root@platform.test');
  expect((await new Browser(demo.url).get('/api/products')).status).toBe(401);
  expect((await root.get('/api/products')).status).toBe(403);
  expect((await root.patch('/api/products/desk-lamp', { stock: 1 })).status).toBe(403);
  expect((await root.delete('/api/products/desk-lamp')).status).toBe(403);
});
