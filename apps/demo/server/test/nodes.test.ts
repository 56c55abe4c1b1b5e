import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { needs, postgresForTests, redisForTests } from '../../../../test/services/for-tests.ts';
import { startDemo } from './demo-process.ts';
import { Browser } from './http.ts';
import { connectLive } from './live-client.ts';
import { upload } from './upload.ts';

// Each test starts processes.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const postgres = await postgresForTests();
const redis = await redisForTests();

describe('nodes that start together on an empty database', needs(postgres, redis), () => {
  const demos: ReturnType<typeof startDemo>[] = [];
  let DATA_DIR: string;
  let urls: string[];

  beforeAll(async () => {
    DATA_DIR = mkdtempSync(join(tmpdir(), 'trunkline-nodes-'));
    const { url: REDIS_URL, prefix: REDIS_PREFIX } = redis.keyspace();
    const DATABASE_URL = await postgres.database();
    for (let i = 0; i < 3; i++) {
      demos.push(startDemo({ DATA_DIR, DATABASE_URL, REDIS_URL, REDIS_PREFIX }));
    }
    urls = await Promise.all(demos.map(({ ready }) => ready));
  });

  afterAll(async () => {
    for (const demo of demos) demo.kill('SIGKILL');
    await Promise.all(demos.map(({ ended }) => ended));
    rmSync(DATA_DIR, { recursive: true });
  });

  /** One browser, at each of the nodes. */
  async function everywhere(email: string): Promise<Browser[]> {
    const [first = '', ...others] = urls;
    const browser = new Browser(first);
    await browser.login(email);
    return [browser, ...others.map((url) => new Browser(url, { cookie: browser.cookie }))];
  }

  test('have one set of sample data, and a log-in at one is one at all', async () => {
    for (const browser of await everywhere('ada@acme.test')) {
      expect((await browser.get('/api/users')).json.total).toBe(3);
      expect((await browser.get('/api/products')).json.products).toHaveLength(6);
    }
  });

  test('create a tenant once, wherever it is asked for at the same time', async () => {
    const roots = await everywhere('root@platform.test');
    const tenant = { id: 'initech', name: 'Initech' };
    const answers = await Promise.all(
      roots.map((root) => root.post('/api/platform/tenants', tenant)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([202, 409, 409]);
  });

  test('have the same files', async () => {
    const [first, second] = (await everywhere('ada@acme.test')) as [Browser, Browser];
    const { json: link } = await upload(urls[0] ?? '', first, 'notes.txt', 'from the first');
    expect((await second.get(link.url)).text).toBe('from the first');
  });

  test('tell each other’s clients', async () => {
    const [first, second] = (await everywhere('ada@acme.test')) as [Browser, Browser];
    const live = await connectLive(urls[1] ?? '', second.cookie);
    const csvData = 'email,name\nnew@example.com,New';
    const { json } = await first.post('/api/users/import', { csvData });
    const { data } = await live.received('operation:complete');
    expect(data.operationId).toBe(json.operationId);
    live.client.disconnect();
  });
});
