import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import { ended } from './ended.ts';
import { Browser } from './http.ts';
import { upload } from './upload.ts';

let demo: DemoApp;
let ada: Browser;

beforeAll(async () => {
  demo = await startDemoApp('express', undefined, { IMPORT_PACE_MS: '100' });
  ada = await demo.signIn('ada@acme.test');
});

afterEach(async () => {
  demo.disconnectAll();
  await ada.delete('/api/users/imported');
});

afterAll(() => demo.close());

const rows = (count: number, at = 'example.com') =>
  ['email,name', ...Array.from({ length: count }, (_, i) => `u${i}@${at},User ${i}`)].join('\n');
const startImport = (browser: Browser, body: unknown, key?: string) =>
  browser.post('/api/users/imports', body, key === undefined ? {} : { 'idempotency-key': key });
const usersOf = async (browser: Browser) => (await browser.get('/api/users')).json.total;

test('is answered at once with where it can be followed, and is told stage by stage', async () => {
  const live = await demo.live(ada);
  const csvData = `${rows(3)}\nada@acme.test,Ada\nbroken`;
  const { status, headers, json } = await startImport(ada, { csvData, fileName: 'C:\\x\\new.csv' });
  expect(status).toBe(202);
  expect(headers.get('location')).toBe(`/api/operations/${json.id}`);
  expect(json).toMatchObject({
    type: 'user-import',
    label: 'User Import',
    state: 'queued',
    isDurable: true,
    labels: { file: 'new.csv' },
  });

  const complete = await live.received('operation:complete');
  const result = {
    imported: 3,
    skipped: 2,
    errors: [
      { line: 5, reason: '"ada@acme.test" is already a user' },
      { line: 6, reason: 'has 1 column instead of 2' },
    ],
    errorCount: 2,
    mails: { sent: 3, failed: 0 },
  };
  expect(complete).toMatchObject({
    data: { operationId: json.id, result, isRetryable: false },
    metadata: {
      message: 'Users imported successfully! 3 imported, 2 rows skipped.',
      tablesToRefresh: ['users'],
    },
  });
  const stages = live.events.flatMap(({ type, data }) =>
    type === 'operation:progress' && data.stage ? [`${data.stage} ${data.percentage}`] : [],
  );
  expect([...new Set(stages)]).toEqual([
    'parsing 10',
    'validating 30',
    'importing 60',
    'finalizing 90',
  ]);
  expect(await ended(ada, json.id)).toMatchObject({ state: 'succeeded', attempt: 1, result });
  expect(await usersOf(ada)).toBe(6);
});

test('refreshes the table of every colleague, and of nobody else', async () => {
  const [ben, cleo] = [await demo.signIn('ben@acme.test'), await demo.signIn('cleo@globex.test')];
  const [benLive, cleoLive] = await Promise.all([demo.live(ben), demo.live(cleo)]);
  const { json } = await startImport(ada, { csvData: rows(1) });
  await ended(ada, json.id);
  expect((await benLive.received('trunkline:refresh')).data.tables).toEqual(['users']);
  expect((await ben.get(`/api/operations/${json.id}`)).status).toBe(404);
  expect((await cleo.get(`/api/operations/${json.id}`)).status).toBe(404);
  expect(cleoLive.events).toEqual([]);
});

test('asked for many times with one key it is one import; the key means one file', async () => {
  const csvData = rows(20);
  const ask = () => startImport(ada, { csvData }, 'double-click');
  const answers = await Promise.all(Array.from({ length: 10 }, ask));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const ids = new Set(answers.map(({ json }) => json.id));
  expect(ids.size).toBe(1);
  const [id] = ids;
  expect((await ended(ada, id)).result).toMatchObject({ imported: 20, skipped: 0 });
  expect((await ask()).json).toMatchObject({ id, state: 'succeeded' });
  expect((await startImport(ada, { csvData: rows(1) }, 'double-click')).status).toBe(422);
});

test('cancelled between two batches it keeps what it has, and tried again it brings the rest', async () => {
  const live = await demo.live(ada);
  const { json } = await startImport(ada, { csvData: rows(2000) });
  await live.received('operation:progress', ({ data }) => (data.percentage ?? 0) > 60);
  expect((await ada.post(`/api/operations/${json.id}/cancel`)).status).toBe(202);
  const cancelled = await ended(ada, json.id);
  expect(cancelled).toMatchObject({ state: 'cancelled', isRetryable: true });
  const kept = (await usersOf(ada)) - 3;
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThan(2000);
  expect(await live.received('operation:error')).toMatchObject({
    metadata: { tablesToRefresh: ['users'] },
  });

  expect((await ada.post(`/api/operations/${json.id}/retry`)).status).toBe(202);
  expect(await ended(ada, json.id)).toMatchObject({
    state: 'succeeded',
    attempt: 2,
    result: { imported: 2000, skipped: 0, mails: { sent: 2000, failed: 0 } },
  });
  expect(await usersOf(ada)).toBe(2003);
  const mails = readFileSync(join(demo.folder, 'mail', `${json.id}.mbox`), 'utf8');
  expect(mails.match(/^To: /gm)).toHaveLength(2000);
});

describe('a file that cannot be imported', () => {
  test.each([
    ['no text', { fileName: 'x.csv' }, 400, 'No file came'],
    ['an empty one', { csvData: ' \n' }, 400, 'The file is empty'],
    ['a binary one', { csvData: 'PK\0' }, 400, 'not a CSV file but a binary one'],
    ['a large one', { csvData: 'x'.repeat(21 * 1024 * 1024) }, 413, '21.0 MB, the limit is 20 MB'],
  ])('is refused when it is %s', async (_, body, status, message) => {
    const answer = await startImport(ada, body);
    expect([answer.status, answer.json.message]).toEqual([
      status,
      expect.stringContaining(message),
    ]);
  });

  test('fails the operation, in words and for good, when that is found inside', async () => {
    const { json } = await startImport(ada, { csvData: 'mail;name\na@b.c;A' });
    expect(await ended(ada, json.id)).toMatchObject({
      state: 'failed',
      attempt: 1,
      error: {
        code: 'import-rejected',
        message: expect.stringContaining('The first line must be email,name,role,department'),
        retryable: false,
      },
    });
  });
});

test('of very many skipped rows it stores as many as a result has room for', async () => {
  const csvData = ['email,name', ...Array.from({ length: 150 }, () => `${'名'.repeat(60)},X`)].join(
    '\n',
  );
  const { result } = await ended(ada, (await startImport(ada, { csvData })).json.id);
  expect(result).toMatchObject({ imported: 0, skipped: 150, errorCount: 150 });
  const { errors } = result as { errors: { line: number }[] };
  expect(errors.length).toBeGreaterThan(50);
  expect(errors.map(({ line }) => line)).toEqual(errors.map((_, index) => index + 2));
});

test('takes a file that has been uploaded, from whoever uploaded it', async () => {
  const [ben, cleo] = [await demo.signIn('ben@acme.test'), await demo.signIn('cleo@globex.test')];
  const { json: file } = await upload(demo.url, ben, 'people.csv', Buffer.from(rows(2)));
  const body = { fileId: file.fileId };
  for (const browser of [cleo, await demo.signIn('dana@agency.test')]) {
    expect((await startImport(browser, body)).status).toBe(404);
  }
  expect((await startImport(ben, { fileId: '../../x' })).status).toBe(400);
  const { json } = await startImport(ben, body);
  expect(json.labels).toEqual({ file: 'people.csv' });
  expect((await ended(ben, json.id)).result).toMatchObject({ imported: 2 });
});

test('what it reads is nobody’s to download', async () => {
  const csvData = rows(1);
  await ended(ada, (await startImport(ada, { csvData })).json.id);
  const id = createHash('sha256').update(csvData).digest('hex');
  expect(existsSync(join(demo.folder, 'files', 'acme', id))).toBe(true);
  expect((await ada.get(`/api/files/${id}`)).status).toBe(404);
});

test('needs a tenant, and is nothing for those who only look', async () => {
  expect((await startImport(new Browser(demo.url), { csvData: rows(1) })).status).toBe(401);
  const root = await demo.signIn('root@platform.test');
  expect((await startImport(root, { csvData: rows(1) })).status).toBe(403);
  await root.post('/api/platform/support-views', { tenantId: 'acme', reason: 'Ticket 1' });
  const view = root.tab('acme');
  expect((await startImport(view, { csvData: rows(1) })).status).toBe(403);
  expect((await view.post('/api/users/exports', { format: 'csv' })).status).toBe(403);
  expect((await view.get('/api/operations')).json.operations).toEqual([]);
});
