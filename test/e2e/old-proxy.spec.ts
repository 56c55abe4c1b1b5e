import { expect, type Page, test } from '@playwright/test';
import { type DemoServer, startDemo } from './demo-server.ts';
import { type OldProxy, startOldProxy } from './old-proxy.ts';
import {
  appearances,
  csv,
  expectTotal,
  importFile,
  logIn,
  percentages,
  removeImported,
  sampleCsv,
  toastLog,
  toastTitled,
} from './person.ts';

const SUCCESS = 'Users imported successfully!';

let demo: DemoServer;
let proxy: OldProxy;

test.beforeAll(async () => {
  demo = await startDemo({ IMPORT_PACE_MS: '300' });
  proxy = await startOldProxy(demo.port);
});
test.beforeEach(() => removeImported(demo.url));
test.afterAll(async () => {
  await proxy.close();
  const { code } = await demo.stop();
  expect(code).toBe(0);
});

const statusOf = (page: Page) => page.locator('[data-status]');

test('behind a proxy that refuses WebSockets everything works, and the page says how', async ({
  browser,
}) => {
  const ada = await logIn(browser, proxy.url, 'ada@acme.test');
  const ben = await logIn(browser, proxy.url, 'ben@acme.test');
  await expect(statusOf(ada.page)).toHaveText('Live over HTTP');
  await expect(statusOf(ada.page)).toHaveAttribute('data-transport', 'http_stream');
  await expect(ada.page.getByText('over HTTP')).toHaveAttribute('title', /WebSockets/);
  expect(proxy.refusedUpgrades).toBeGreaterThan(0);
  await expectTotal(ben.page, '3');

  await importFile(ada.page, 'users.csv', await sampleCsv());
  await expect(toastTitled(ada.page, SUCCESS)).toHaveCount(1, { timeout: 30_000 });
  await expectTotal(ada.page, '10,003');
  await expectTotal(ben.page, '10,003');
  const log = await toastLog(ada.page);
  const shown = percentages(log);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  expect(new Set(shown).size).toBeGreaterThanOrEqual(4);
  expect(appearances(log, SUCCESS)).toBe(1);
  expect(ada.frames).toEqual([]);
  for (const person of [ada, ben]) await person.close();
});

test('streams that are cut at 60 % lose nothing', async ({ browser }) => {
  const ada = await logIn(browser, proxy.url, 'ada@acme.test');
  await importFile(ada.page, 'users.csv', await sampleCsv());
  await expect(toastTitled(ada.page, /User Import - 6\d%/)).toBeVisible({ timeout: 20_000 });
  proxy.cut();
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(ada.page, '10,003');
  await expect(statusOf(ada.page)).toHaveText('Live over HTTP');
  const log = await toastLog(ada.page);
  expect(appearances(log, /User Import - /)).toBe(1);
  expect(appearances(log, SUCCESS)).toBe(1);
  await ada.close();
});

test('where streams are refused too, server-sent events come, with the login’s cookie', async ({
  browser,
}) => {
  const worse = await startOldProxy(demo.port, ['/connection/http_stream']);
  const ada = await logIn(browser, worse.url, 'ada@acme.test');
  await expect(statusOf(ada.page)).toHaveText('Live over HTTP');
  await expect(statusOf(ada.page)).toHaveAttribute('data-transport', 'sse');
  await importFile(ada.page, 'few.csv', csv(100, 'few'));
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(ada.page, '103');
  expect(worse.passed).toContain('GET /connection/sse');
  await ada.close();
  await worse.close();
});

test('a log-out ends the stream, and the next user has one of their own', async ({ browser }) => {
  const ada = await logIn(browser, proxy.url, 'ada@acme.test');
  const opened = () => proxy.passed.filter((path) => path.endsWith('/http_stream')).length;
  const before = opened();
  await ada.page.getByRole('button', { name: /Ada/ }).click();
  await ada.page.getByRole('menuitem', { name: /log out/i }).click();
  await ada.page.getByRole('button', { name: 'cleo@globex.test' }).click();
  await expect(statusOf(ada.page)).toHaveText('Live over HTTP');
  expect(opened()).toBe(before + 1);
  await ada.close();
});
