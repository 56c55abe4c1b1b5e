import { parse } from 'csv-parse/sync';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { ended } from './ended.ts';
import type { Browser } from './http.ts';
import { textInZip } from './zip.ts';

let demo: DemoApp;
let ada: Browser;
let cleo: Browser;

beforeAll(async () => {
  demo = await startDemoApp();
  [ada, cleo] = [await demo.signIn('ada@acme.test'), await demo.signIn('cleo@globex.test')];
});

afterEach(async () => {
  demo.disconnectAll();
  await ada.delete('/api/users/imported');
});

afterAll(() => demo.close());

const startExport = (browser: Browser, format: string, key?: string) =>
  browser.post('/api/users/exports', { format }, key ? { 'idempotency-key': key } : {});

async function exported(browser: Browser, format: string) {
  const { status, json } = await startExport(browser, format);
  if (status !== 202) throw new Error(json.message);
  const operation = await ended(browser, json.id);
  const { url, ...result } = operation.result as { url: string; fileName: string; rows: number };
  const response = await fetch(`${demo.url}${url}`, { headers: { cookie: browser.cookie } });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { operation, result, url, bytes, headers: response.headers };
}

async function addUsers(count: number) {
  await demo.database.queries.execute(sql`
    insert into users (id, realm, tenant_id, email, name, role, import_id)
    select gen_random_uuid()::text, 'tenant', 'acme', 'n' || n || '@example.com', 'N ' || n, 'viewer', 'x'
    from generate_series(1, ${count}::int) as n`);
}

test('the table as CSV: everybody in it once, by address, whoever brought them', async () => {
  await addUsers(2500);
  const live = await demo.live(ada);
  const { operation, result, bytes, headers } = await exported(ada, 'csv');
  expect(operation).toMatchObject({
    type: 'data-export',
    label: 'Data Export',
    state: 'succeeded',
    labels: { format: 'csv' },
    result: { rows: 2503, bytes: bytes.length },
  });
  expect(operation.resultRef).toBe((operation.result as { url: string }).url);
  expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
  expect(headers.get('content-disposition')).toContain(`filename="${result.fileName}"`);
  const told = await live.received('operation:complete');
  expect(told.metadata?.message).toBe(`2,503 users exported: ${result.fileName} is ready.`);

  const rows = parse(bytes, { bom: true, columns: true }) as Record<string, string>[];
  const emails = rows.map(({ email }) => email);
  expect(emails).toEqual(emails.toSorted());
  expect(new Set(emails).size).toBe(2503);
  expect(rows.find(({ email }) => email === 'ada@acme.test')).toEqual({
    email: 'ada@acme.test',
    name: 'Ada Lovelace',
    role: 'admin',
    department: 'Engineering',
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
  });
});

test('the table as an Excel file', async () => {
  const { result, bytes, headers } = await exported(ada, 'xlsx');
  expect(result).toMatchObject({
    rows: 3,
    fileName: expect.stringMatching(/^acme-users-.*\.xlsx$/),
  });
  expect(headers.get('content-type')).toMatch(/spreadsheetml\.sheet$/);
  const sheet = textInZip(bytes, 'xl/worksheets/sheet1.xml');
  expect(sheet.match(/<row /g)).toHaveLength(4);
  expect(textInZip(bytes, 'xl/sharedStrings.xml')).toContain('>Ada Lovelace<');
});

test('each tenant’s file has its own people, also those who are members of both', async () => {
  const [acme, globex] = [await exported(ada, 'csv'), await exported(cleo, 'csv')];
  const names = (bytes: Buffer) =>
    parse<{ name: string }>(bytes, { bom: true, columns: true }).map(({ name }) => name);
  expect(names(acme.bytes)).toEqual(['Ada Lovelace', 'Ben Okafor', 'Dana Lindqvist']);
  expect(names(globex.bytes)).toEqual(['Cleo Marchetti', 'Dana Lindqvist']);
  expect((await cleo.get(acme.url)).status).toBe(401);
  expect((await cleo.get(acme.url.replace('acme', 'globex'))).status).toBe(404);
  expect((await ada.get(globex.url.replace('globex', 'acme'))).status).toBe(404);
});

test('what looks like a formula is none', async () => {
  const csvData = 'email,name,department\nx@example.com,=1+1,@sum\ny@example.com,-2,+3';
  await ada.post('/api/users/import', { csvData });
  const rows = parse((await exported(ada, 'csv')).bytes, { bom: true, columns: true });
  expect(rows).toContainEqual(expect.objectContaining({ name: "'=1+1", department: "'@sum" }));
  expect(rows).toContainEqual(expect.objectContaining({ name: "'-2", department: "'+3" }));
  const { bytes } = await exported(ada, 'xlsx');
  expect(textInZip(bytes, 'xl/worksheets/sheet1.xml')).not.toContain('<f>');
  expect(textInZip(bytes, 'xl/sharedStrings.xml')).toContain('>=1+1<');
});

test('too many users for an Excel file are told so, and fit into CSV', async () => {
  await addUsers(20_000);
  const { json } = await startExport(ada, 'xlsx');
  expect(await ended(ada, json.id)).toMatchObject({
    state: 'failed',
    error: {
      code: 'too-many-rows',
      message: 'An Excel file takes at most 20,000 users, and there are 20,003: export them as CSV',
    },
  });
  expect((await exported(ada, 'csv')).result.rows).toBe(20_003);
});

test('a double click is one export; another format with its key is refused', async () => {
  const [first, second] = await Promise.all([
    startExport(ada, 'csv', 'click'),
    startExport(ada, 'csv', 'click'),
  ]);
  expect(second.json.id).toBe(first.json.id);
  await ended(ada, first.json.id);
  expect((await startExport(ada, 'xlsx', 'click')).status).toBe(422);
  expect((await startExport(ada, 'pdf')).json.message).toMatch(/^format: /);
});
