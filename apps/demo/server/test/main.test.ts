import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { startDemo } from './demo-process.ts';
import { Browser } from './http.ts';
import { connectLive } from './live-client.ts';

// Each test starts processes, each of which opens a database.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
let running: ReturnType<typeof startDemo>[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-main-'));
});

afterEach(async () => {
  for (const demo of running) demo.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
});

afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['express', 'fastify'])('on %s', (HTTP_ADAPTER) => {
  test('Ctrl-C with clients connected ends within 5 s, without an error', async () => {
    const demo = start({ HTTP_ADAPTER });
    const url = await demo.ready;
    const browser = new Browser(url);
    await browser.login('ada@acme.test');
    const lives = await Promise.all([1, 2, 3].map(() => connectLive(url, browser.cookie)));

    const before = performance.now();
    demo.kill('SIGINT');
    const { code, signal, output } = await demo.ended;
    expect(performance.now() - before).toBeLessThan(5000);
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    expect(output).toMatch(/Ctrl-C\.\n\nStopping …\n$/);
    // Each has been told to come back later, none has merely lost its connection.
    expect(await Promise.all(lives.map(({ gone }) => gone))).toEqual([3001, 3001, 3001]);
    for (const { client } of lives) client.disconnect();
  });

  test('SIGTERM during an import: its user is told, the answer still comes', async () => {
    const demo = start({ HTTP_ADAPTER, IMPORT_PACE_MS: '60000' });
    const url = await demo.ready;
    const browser = new Browser(url);
    await browser.login('cleo@globex.test');
    const live = await connectLive(url, browser.cookie);
    const rows = Array.from({ length: 600 }, (_, i) => `${HTTP_ADAPTER}${i}@example.com,User ${i}`);
    const answer = browser.post('/api/users/import', {
      csvData: ['email,name', ...rows].join('\n'),
    });
    await live.received('operation:progress', ({ data }) => data.percentage > 60);

    demo.kill('SIGTERM');
    const told = await live.received('operation:error');
    const { status, json } = await answer;
    expect(status).toBe(503);
    expect(json.operationId).toBe(told.data.operationId);
    expect(json.message).toContain('500 users were imported before that');
    expect((await demo.ended).code).toBe(0);
    live.client.disconnect();
  });
});

test('one folder, one process: the second is refused in one line, and kill -9 frees it', async () => {
  const first = start();
  await first.ready;
  const second = await start().ended;
  expect(second).toEqual({
    code: 1,
    signal: null,
    output:
      `Another process is using the data folder ${folder}. Stop that one, or give this one a ` +
      'folder of its own: DATA_DIR=/another/folder npm start. Several nodes share a folder with a ' +
      'Postgres (DATABASE_URL) and a Redis (REDIS_URL).\n',
  });
  first.kill('SIGKILL');
  await first.ended;
  const url = await start().ready;
  expect((await new Browser(url).login('ada@acme.test')).status).toBe(200);
});

test('a port in use is said in one line, and the folder is free again', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, resolve));
  const { port } = other.address() as AddressInfo;
  const refused = await start({ PORT: String(port) }).ended;
  expect(refused.code).toBe(1);
  expect(refused.output).toBe(
    `Port ${port} is in use. Stop what uses it, or take another: PORT=${port + 1} npm start\n`,
  );
  other.close();
  await start().ready;
});

test('a wrong setting is said before anything is opened', async () => {
  const { code, output } = await start({ PORT: 'http', DATABASE_URL: 'localhost' }).ended;
  expect(code).toBe(1);
  expect(output.trim().split('\n')).toHaveLength(2);
  expect(output).toContain('PORT must be a whole number from 0 to 65535');
});

test('a Postgres that does not answer is said in one line', async () => {
  const { code, output } = await start({ DATABASE_URL: 'postgres://x:y@127.0.0.1:1/z' }).ended;
  expect({ code, output }).toEqual({
    code: 1,
    output: 'The database of DATABASE_URL does not answer: connect ECONNREFUSED 127.0.0.1:1\n',
  });
});

test('a Redis that does not answer is said in one line, and the folder is free again', async () => {
  const { code, output } = await start({ REDIS_URL: 'redis://127.0.0.1:1' }).ended;
  expect({ code, output }).toEqual({
    code: 1,
    output: 'The Redis of REDIS_URL is of no use: connect ECONNREFUSED 127.0.0.1:1\n',
  });
  await start().ready;
});

function start(environment: Record<string, string> = {}) {
  const demo = startDemo({ DATA_DIR: folder, ...environment });
  running.push(demo);
  return demo;
}
