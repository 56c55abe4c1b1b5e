import { expect, test } from '@playwright/test';
import { type CuttableProxy, startProxy } from './cuttable-proxy.ts';
import { type DemoServer, startDemo } from './demo-server.ts';
import {
  appearances,
  csv,
  expectTotal,
  importFile,
  logIn,
  percentages,
  removeImported,
  runningToast,
  sampleCsv,
  toastLog,
  toastTitled,
} from './person.ts';

const SUCCESS = 'Users imported successfully!';

let demo: DemoServer;
let proxy: CuttableProxy;

test.beforeAll(async () => {
  demo = await startDemo({ IMPORT_PACE_MS: '300' });
  proxy = await startProxy(demo.port);
});
test.beforeEach(() => removeImported(demo.url));
test.afterAll(async () => {
  await proxy.close();
  const { code } = await demo.stop();
  expect(code).toBe(0);
});

test('Ada imports 10,000 users, Ben’s table follows, Cleo hears nothing', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test');
  const benLoads: string[] = [];
  ben.page.on('framenavigated', (frame) => benLoads.push(frame.url()));
  await expectTotal(ben.page, '3');

  await importFile(ada.page, 'users.csv', await sampleCsv());
  await expect(runningToast(ada.page)).toHaveCount(1);
  await expect(toastTitled(ada.page, SUCCESS)).toHaveCount(1, { timeout: 30_000 });
  await expectTotal(ada.page, '10,003');
  await expectTotal(ben.page, '10,003');
  expect(benLoads).toEqual([]);

  const log = await toastLog(ada.page);
  expect(Math.max(...log.map((titles) => titles.length))).toBe(1); // one toast, in place
  const shown = percentages(log);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  expect(new Set(shown).size).toBeGreaterThanOrEqual(4);
  expect(appearances(log, SUCCESS)).toBe(1);

  expect(ben.frames.some((frame) => frame.includes('trunkline:refresh'))).toBe(true);
  expect(ben.frames.some((frame) => frame.includes('operation:'))).toBe(false);
  expect(cleo.frames.length).toBeGreaterThan(0); // she was connected,
  for (const frame of cleo.frames) expect(frame).not.toContain('"pub"'); // and heard nothing
  for (const person of [ada, ben, cleo]) await person.close();
});

test('a cut of five seconds at 60 % loses nothing and ends once', async ({ browser }) => {
  const ada = await logIn(browser, proxy.url, 'ada@acme.test');
  await importFile(ada.page, 'users.csv', await sampleCsv());
  await expect(toastTitled(ada.page, /User Import - 6\d%/)).toBeVisible({ timeout: 20_000 });
  proxy.cut();
  await expect(ada.page.locator('[data-status]')).not.toHaveAttribute('data-status', 'live');
  await ada.page.waitForTimeout(5_000); // the length of the outage itself
  proxy.mend();
  await expect(ada.page.locator('[data-status]')).toHaveAttribute('data-status', 'live', {
    timeout: 20_000,
  });
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(ada.page, '10,003');

  expect(proxy.destroyed).toBeGreaterThan(0);
  const log = await toastLog(ada.page);
  expect(appearances(log, /User Import - /)).toBe(1); // it never left the screen
  expect(appearances(log, SUCCESS)).toBe(1);
  expect(appearances(log, 'The connection was lost')).toBe(1); // her upload's answer was cut, too
  expect(appearances(log, /did not start|failed/i)).toBe(0);
  const shown = percentages(log);
  expect(shown).toEqual(shown.toSorted((a, b) => a - b));
  await ada.close();
});

test('after a reload the toast is back with the next progress, and ends once', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  await importFile(ada.page, 'users.csv', await sampleCsv());
  await expect(toastTitled(ada.page, /User Import - 6\d%/)).toBeVisible({ timeout: 20_000 });
  await ada.page.reload();
  await expect(runningToast(ada.page)).toHaveCount(1, { timeout: 10_000 });
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(ada.page, '10,003');
  const log = await toastLog(ada.page); // since the reload
  expect(appearances(log, SUCCESS)).toBe(1);
  expect(appearances(log, /User Import - /)).toBe(1);
  await ada.close();
});

test('a toast that she closed stays closed until the end', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  await importFile(ada.page, 'users.csv', csv(5_000, 'closed'));
  const running = toastTitled(ada.page, /User Import - \d+%/);
  await expect(running).toBeVisible({ timeout: 20_000 });
  await running.getByRole('button', { name: /close/i }).click();
  await expect(running).toHaveCount(0);
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  const log = await toastLog(ada.page);
  expect(appearances(log, /User Import - /)).toBe(1); // before she closed it
  expect(appearances(log, SUCCESS)).toBe(1);
  await ada.close();
});

test('a second import while one runs works', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  await importFile(ada.page, 'first.csv', csv(5_000, 'first'));
  await importFile(ada.page, 'second.csv', csv(3_000, 'second'));
  await expect(runningToast(ada.page)).toHaveCount(2);
  await expect(toastTitled(ada.page, SUCCESS)).toHaveCount(2, { timeout: 30_000 });
  await expectTotal(ada.page, '8,003');
  await ada.close();
});

test('a log-out takes everything of the user off the page', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  await importFile(ada.page, 'users.csv', csv(5_000, 'x'));
  await expect(runningToast(ada.page)).toHaveCount(1);
  await ada.page.getByRole('button', { name: /Ada/ }).click();
  await ada.page.getByRole('menuitem', { name: /log out/i }).click();
  await expect(ada.page.locator('[data-sonner-toast]')).toHaveCount(0);
  const framesBefore = ada.frames.length;
  await ada.page.getByRole('button', { name: 'cleo@globex.test' }).click();
  await expect(ada.page.locator('[data-status]')).toHaveAttribute('data-status', 'live');
  const colleague = await logIn(browser, demo.url, 'ben@acme.test');
  await expectTotal(colleague.page, '5,003'); // the import itself went on to its end
  expect(ada.frames.slice(framesBefore).join('')).not.toContain('operation:');
  await ada.close();
  await colleague.close();
});
