import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startDemo } from './demo-process.ts';
import { ended } from './ended.ts';
import { Browser } from './http.ts';
import { connectLive } from './live-client.ts';

// Each test starts processes, each of which opens a database.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const USERS = 2500;
const csvData = [
  'email,name',
  ...Array.from({ length: USERS }, (_, i) => `u${i}@example.com,User ${i}`),
  'ada@acme.test,Ada again',
].join('\n');

let DATA_DIR: string;
let demo: ReturnType<typeof startDemo>;

beforeEach(() => {
  DATA_DIR = mkdtempSync(join(tmpdir(), 'trunkline-crash-'));
});

afterEach(async () => {
  demo.kill('SIGKILL');
  await demo.ended;
  rmSync(DATA_DIR, { recursive: true });
});

async function start(settings: Record<string, string> = {}) {
  demo = startDemo({ DATA_DIR, ...settings });
  const url = await demo.ready;
  const ada = new Browser(url);
  await ada.login('ada@acme.test');
  return { url, ada };
}

/** An import in slow motion that has brought some of its users, and not all. */
async function startHalf() {
  const { url, ada } = await start({ IMPORT_PACE_MS: '60000' });
  const live = await connectLive(url, ada.cookie);
  const { json } = await ada.post('/api/users/imports', { csvData });
  await live.received('operation:progress', ({ data }) => (data.percentage ?? 0) > 60);
  return { id: json.id as string, live };
}

async function expectWhole(ada: Browser, id: string) {
  expect(await ended(ada, id)).toMatchObject({
    state: 'succeeded',
    attempt: 2,
    result: {
      imported: USERS,
      skipped: 1,
      errors: [{ line: USERS + 2, reason: '"ada@acme.test" is already a user' }],
      mails: { sent: USERS, failed: 0 },
    },
  });
  expect((await ada.get('/api/users')).json.total).toBe(USERS + 3);
  const mails = readFileSync(join(DATA_DIR, 'mail', `${id}.mbox`), 'utf8');
  const recipients = mails.match(/^To: .+$/gm) ?? [];
  expect(recipients).toHaveLength(USERS);
  expect(new Set(recipients).size).toBe(USERS);
}

describe('an import', () => {
  test('whose process is killed is done by the next one: every row once, every mail once', async () => {
    const { id, live } = await startHalf();
    demo.kill('SIGKILL');
    await demo.ended;
    live.client.disconnect();
    await expectWhole((await start()).ada, id);
  });

  test('whose process is stopped waits for the next one', async () => {
    const { id, live } = await startHalf();
    const before = performance.now();
    demo.kill('SIGTERM');
    expect((await demo.ended).code).toBe(0);
    expect(performance.now() - before).toBeLessThan(5000);
    live.client.disconnect();
    await expectWhole((await start()).ada, id);
  });
});

test('an upload whose process is killed has crashed, and none of it is a file', async () => {
  const { url, ada } = await start();
  const live = await connectLive(url, ada.cookie);
  const sending = request(`${url}/api/files?name=x`, {
    method: 'POST',
    headers: { cookie: ada.cookie, 'content-type': 'application/octet-stream' },
  });
  const broken = once(sending, 'error');
  sending.write(Buffer.alloc(1024 * 1024)); // and no end
  const { data } = await live.received('operation:progress', (e) => e.data.stage === 'uploading');
  demo.kill('SIGKILL');
  await demo.ended;
  await broken;
  live.client.disconnect();

  const again = await start();
  expect(await ended(again.ada, String(data.operationId))).toMatchObject({
    state: 'crashed',
    isRetryable: false,
  });
  const left = readdirSync(join(DATA_DIR, 'files', 'acme'));
  expect(left.every((name) => name.endsWith('.part'))).toBe(true);
});
