import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { files } from '@/infrastructure/database/schema';
import { FileCleaner } from '@/infrastructure/files/file-cleaner';
import { type DemoApp, startDemoApp } from './demo-app.ts';
import type { Browser } from './http.ts';
import { upload } from './upload.ts';

const MB = 1024 * 1024;

describe.each(['express', 'fastify'] as const)('on %s', (HTTP_ADAPTER) => {
  let demo: DemoApp;
  let ada: Browser;
  let ben: Browser;

  beforeAll(async () => {
    demo = await startDemoApp(HTTP_ADAPTER);
    [ada, ben] = [await demo.signIn('ada@acme.test'), await demo.signIn('ben@acme.test')];
  });

  afterEach(() => demo.disconnectAll());

  afterAll(() => demo.close());

  const kept = () => {
    const folder = join(demo.folder, 'files', 'acme');
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  const newest = async (browser: Browser) =>
    (await browser.get('/api/operations?type=file-upload&limit=1')).json.operations[0];

  /** Begins an upload that says that it will bring so much, and sends the first megabyte. */
  const begin = (bytes: number) => {
    const sending = request(`${demo.url}/api/files?name=x.bin`, {
      method: 'POST',
      headers: {
        cookie: ada.cookie,
        'content-type': 'application/octet-stream',
        'content-length': bytes,
      },
    });
    const answer = new Promise<{ status: number | undefined; text: string }>((resolve) => {
      sending.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
    });
    sending.on('error', () => {}); // it is what breaks off
    sending.write(Buffer.alloc(MB));
    return { sending, answer };
  };

  test('an upload is an operation; the file comes back as it was', async () => {
    const live = await demo.live(ada);
    const bytes = randomBytes(3 * MB);
    const { status, headers, json } = await upload(demo.url, ada, 'Bericht "März".pdf', bytes);
    expect(status).toBe(201);
    expect(json).toEqual({
      fileId: expect.any(String),
      fileName: 'Bericht _März_.pdf',
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      url: `/api/files/${json.fileId}?tenant=acme`,
      expiresAt: expect.any(String),
    });
    expect(headers.get('location')).toBe(json.url);
    const complete = await live.received('operation:complete');
    expect(complete).toMatchObject({
      data: { operationType: 'file-upload', result: json },
      metadata: { message: 'Bericht _März_.pdf has been uploaded.' },
    });
    const progress = live.events.filter(({ type }) => type === 'operation:progress');
    expect(progress.at(-1)?.data).toMatchObject({ stage: 'uploading', percentage: 99 });
    expect(await newest(ada)).toMatchObject({ state: 'succeeded', resultRef: json.url });

    const file = await fetch(`${demo.url}${json.url}`, { headers: { cookie: ada.cookie } });
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    expect(Object.fromEntries(file.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
      'content-disposition': `attachment; filename="Bericht _M_rz_.pdf"; filename*=UTF-8''Bericht%20_M%C3%A4rz_.pdf`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
  });

  test('a file is its owner’s and the admins’, in its own tenant', async () => {
    const { json: file } = await upload(demo.url, ben, 'x', Buffer.from('of Ben'));
    const status = async (browser: Browser, url: string = file.url) =>
      (await browser.get(url)).status;
    expect(await status(ben)).toBe(200);
    expect(await status(ada)).toBe(200);
    const dana = await demo.signIn('dana@agency.test');
    const cleo = await demo.signIn('cleo@globex.test');
    expect(await status(dana)).toBe(404);
    expect(await status(cleo)).toBe(401); // the link says acme
    expect(await status(cleo, `/api/files/${file.fileId}`)).toBe(404);
    expect(await status(dana, `/api/files/${file.fileId}?tenant=globex`)).toBe(404);
    expect(await status(ben, '/api/files/..%2f..%2fx')).toBe(400);
  });

  test('of a tab in another tenant the link leads there too', async () => {
    const dana = (await demo.signIn('dana@agency.test')).tab('globex');
    const tenant = { 'x-trunkline-tenant': 'globex' };
    const { json: file } = await upload(demo.url, dana, 'x', Buffer.from('in Globex'), tenant);
    expect(file.url).toContain('?tenant=globex');
    expect((await dana.tab().get(file.url)).status).toBe(200);
  });

  test('one that breaks off has failed, and nothing of it is left', async () => {
    const before = kept();
    const live = await demo.live(ada);
    const { sending } = begin(8 * MB);
    await live.received('operation:progress', ({ data }) => data.stage === 'uploading');
    sending.destroy();
    const { data } = await live.received('operation:error');
    expect(data.error).toMatchObject({
      code: 'upload-broken-off',
      message: expect.stringMatching(/^The upload broke off after 1\.0 MB/),
    });
    expect(kept()).toEqual(before);
    expect((await newest(ada)).state).toBe('failed');
  });

  test('one that is cancelled ends at once, and nothing of it is left', async () => {
    const before = kept();
    const live = await demo.live(ada);
    const { sending, answer } = begin(8 * MB);
    const { data } = await live.received('operation:progress', (e) => e.data.stage === 'uploading');
    await ada.post(`/api/operations/${data.operationId}/cancel`);
    const { status, text } = await answer;
    expect(status).toBe(409);
    expect(JSON.parse(text)).toMatchObject({ operationId: data.operationId });
    expect((await newest(ada)).state).toBe('cancelled');
    expect(kept()).toEqual(before);
    sending.destroy();
  });

  test('one that says it is too large is refused before it comes', async () => {
    const before = await newest(ada);
    const { sending, answer } = begin(51 * MB);
    const { status, text } = await answer;
    expect([status, JSON.parse(text).message]).toEqual([
      413,
      'A file may have 50 MB, and this one has more',
    ]);
    expect(await newest(ada)).toEqual(before);
    sending.destroy();
  });

  test('one that does not say it is stopped where it is too large', async () => {
    const before = kept();
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1;
        if (sent > 52) controller.close();
        else controller.enqueue(Buffer.alloc(MB));
      },
    });
    const { status, json } = await upload(demo.url, ada, 'endless', body);
    expect([status, json.message]).toEqual([413, 'A file may have 50 MB, and this one has more']);
    const operation = await newest(ada);
    expect(operation).toMatchObject({ id: json.operationId, state: 'failed' });
    expect(operation.error.code).toBe('too-large');
    expect(kept()).toEqual(before);
  });

  test('what is no upload is told what is missing', async () => {
    const text = { 'content-type': 'text/plain' };
    const typed = await upload(demo.url, ada, 'x.txt', 'text', text);
    expect([typed.status, typed.json.message]).toEqual([
      415,
      expect.stringContaining('application/octet-stream'),
    ]);
    expect((await upload(demo.url, ada, ' ', 'x')).json.message).toMatch(/^name: /);
    const foreign = { origin: 'https://evil.test' };
    expect((await upload(demo.url, ada, 'x', 'x', foreign)).status).toBe(403);
  });

  test('sent twice with one key it is there once', async () => {
    const send = () =>
      upload(demo.url, ada, 'once', Buffer.alloc(MB), { 'idempotency-key': 'one-upload' });
    const answers = await Promise.all([send(), send()]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[0].json).toEqual(answers[1].json);
  });

  test('a tenant whose files fill its room is told so', async () => {
    const row = {
      tenantId: 'acme',
      id: 'huge',
      ownerId: 'ada',
      kind: 'upload',
      name: 'huge',
    } as const;
    const expiresAt = new Date(Date.now() + 60_000);
    const content = { mediaType: 'x', sha256: 'x', bytes: 512 * MB, expiresAt };
    await demo.database.queries.insert(files).values({ ...row, ...content });
    const before = kept();
    const csvData = 'email,name\nx@example.com,X';
    const answers = [
      await upload(demo.url, ada, 'x', 'x'),
      await ada.post('/api/users/imports', { csvData }),
    ];
    for (const { status, json } of answers) {
      expect([status, json.message]).toEqual([507, expect.stringContaining('may have 512 MB')]);
    }
    expect(kept()).toEqual(before);
    await demo.database.queries.delete(files).where(eq(files.id, 'huge'));
  });

  test('a file whose time is over is gone, and so is what a process that died has left', async () => {
    const { json: file } = await upload(demo.url, ada, 'old', Buffer.from('old'));
    const folder = join(demo.folder, 'files', 'acme');
    const [left, fresh] = ['left.part', 'fresh.part'].map((name) => join(folder, name));
    for (const path of [left, fresh]) writeFileSync(path, 'half');
    utimesSync(left, new Date(0), new Date(0));
    await demo.database.queries.update(files).set({ expiresAt: new Date(Date.now() - 1) });
    const gone = await ada.get(file.url);
    expect([gone.status, gone.json.message]).toEqual([
      404,
      'There is no such file, or not any more: files are kept for 24 hours',
    ]);
    await demo.app.get(FileCleaner, { strict: false }).clean();
    expect(kept()).toEqual(['fresh.part']);
    expect(await demo.database.queries.$count(files)).toBe(0);
  });
});
