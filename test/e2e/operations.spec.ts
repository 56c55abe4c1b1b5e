import { readFile } from 'node:fs/promises';
import { expect, type Locator, type Page, type Response, test } from '@playwright/test';
import { textInZip } from '../../apps/demo/server/test/zip.ts';
import { type DemoServer, isCluster, startDemo } from './demo-server.ts';
import {
  appearances,
  csv,
  expectLive,
  expectTotal,
  importStored,
  logIn,
  openTab,
  type Person,
  percentages,
  removeImported,
  runningToast,
  toastLog,
  toastTitled,
} from './person.ts';

const SUCCESS = 'Users imported successfully!';

/**
 * How long what a dead process has left is nobody's: with PGlite until the next process starts, with Postgres
 * until the lease of 30 s is over, because another node could still work on it.
 */
const TAKEN_OVER_MS = isCluster ? 60_000 : 20_000;

let demo: DemoServer;

test.beforeAll(async () => {
  demo = await startDemo({ IMPORT_PACE_MS: '250' });
});
test.beforeEach(() => removeImported(demo.url));
test.afterAll(async () => {
  const { code } = await demo.stop();
  expect(code).toBe(0);
});

interface StoredOperation {
  id: string;
  type: string;
  state: string;
  attempt: number;
  isSeen: boolean;
}

const apiUrl = (page: Page, path: string) => `${new URL(page.url()).origin}/api/operations${path}`;

/** What the server lists for somebody. */
async function listOf({ page }: Person, query = ''): Promise<StoredOperation[]> {
  const answer = await page.request.get(apiUrl(page, `?${query}`));
  return ((await answer.json()) as { operations: StoredOperation[] }).operations;
}

const ask = ({ page }: Person, id: string) => page.request.get(apiUrl(page, `/${id}`));

async function atEnd({ page }: Person, id: string): Promise<StoredOperation> {
  const answer = await page.request.get(apiUrl(page, `/${id}/wait?timeout=30`));
  return (await answer.json()) as StoredOperation;
}

/** Goes, once the server knows what they have seen: the next test begins with no news for them. */
async function leave(person: Person): Promise<void> {
  const unseen = async () => {
    const own = await listOf(person, 'owner=me');
    return own.filter(({ isSeen, state }) => !isSeen || state === 'running').map(({ id }) => id);
  };
  await expect.poll(unseen, { timeout: 30_000 }).toEqual([]);
  await person.close();
}

async function openOperations({ page }: Person): Promise<void> {
  await page.getByRole('link', { name: 'Operations' }).click();
  await expect(page.getByRole('heading', { name: 'Operations', level: 1 })).toBeVisible();
}

const itemOf = (page: Page, id: string): Locator => page.locator(`[data-operation="${id}"]`);

/** How often a number in the list is smaller than the one before. */
const fallsIn = (numbers: readonly number[]) =>
  numbers.filter((number, i) => number < (numbers[i - 1] ?? 0)).length;

test('an import is answered at once, and a reload in the middle of it loses nothing', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  await importStored(ada.page, 'users.csv', csv(5000, 'reload'));
  await expect(toastTitled(ada.page, /User Import - 6[2-9]%/)).toBeVisible({ timeout: 20_000 });
  const before = percentages(await toastLog(ada.page));
  expect(fallsIn(before)).toBe(0);

  await ada.page.reload();
  await expect(runningToast(ada.page)).toHaveCount(1);
  const card = ada.page.getByRole('list', { name: 'Running imports' });
  await expect(card.getByText('users.csv')).toBeVisible();
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  for (const { page } of [ada, ben]) await expectTotal(page, '5,003');

  const log = await toastLog(ada.page); // since the reload
  const after = percentages(log);
  expect(after.length).toBeGreaterThan(0);
  expect(after[0]).toBeGreaterThanOrEqual(before.at(-1) ?? 0);
  expect(fallsIn(after)).toBe(0);
  expect(Math.max(...log.map((titles) => titles.length))).toBe(1);
  expect(appearances(log, SUCCESS)).toBe(1);
  for (const person of [ada, ben]) await leave(person);
});

test('an import is cancelled from its toast, and tried again with what is left', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const id = await importStored(ada.page, 'users.csv', csv(3000, 'cancel'));
  const running = toastTitled(ada.page, /User Import - \d+%/);
  await running.getByRole('button', { name: 'Cancel' }).click();
  await expect(toastTitled(ada.page, 'User Import cancelled')).toBeVisible();

  await openOperations(ada);
  const item = itemOf(ada.page, id);
  await expect(item).toHaveAttribute('data-state', 'cancelled');
  await expect(item).toContainText('users.csv');
  await item.getByRole('button', { name: 'Retry: User Import of users.csv' }).click();
  await expect(item).toContainText('attempt 2');
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expect(item).toHaveAttribute('data-state', 'succeeded');
  await item.getByRole('button', { name: /^Details/ }).click();
  await expect(item.getByText('3,000 users')).toBeVisible();
  await ada.page.getByRole('link', { name: 'Users', exact: true }).click();
  await expectTotal(ada.page, '3,003');
  await leave(ada);
});

test('a double click is one import', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const known = await listOf(ada, 'owner=me');
  await ada.page.route('**/samples/*', (route) => route.fulfill({ body: csv(1000, 'double') }));
  const answers: Promise<{ id: string }>[] = [];
  ada.page.on('response', (answer) => {
    if (answer.url().endsWith('/api/users/imports')) answers.push(answer.json());
  });
  const button = ada.page.getByRole('button', { name: 'Import the 10,000-row sample' });
  await button.click();
  await button.click();
  await expect(toastTitled(ada.page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(ada.page, '1,003');

  const ids = (await Promise.all(answers)).map(({ id }) => id);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(1);
  expect(await listOf(ada, 'owner=me')).toHaveLength(known.length + 1);
  const log = await toastLog(ada.page);
  expect(Math.max(...log.map((titles) => titles.length))).toBe(1);
  expect(appearances(log, SUCCESS)).toBe(1);
  await leave(ada);
});

/** Starts an export; resolves when the server has answered. */
async function startExport(page: Page, format: 'CSV' | 'Excel'): Promise<Response> {
  await page.getByRole('button', { name: 'Export' }).click();
  const answered = page.waitForResponse((answer) => answer.url().endsWith('/api/users/exports'));
  await page.getByRole('menuitem', { name: `${format} file` }).click();
  return await answered;
}

async function exported(page: Page, format: 'CSV' | 'Excel'): Promise<Buffer> {
  const { id } = (await (await startExport(page, format)).json()) as StoredOperation;
  const downloading = page.waitForEvent('download');
  await itemOf(page, id)
    .getByRole('link', { name: /^Download/ })
    .click();
  const download = await downloading;
  const extension = format === 'CSV' ? 'csv' : 'xlsx';
  expect(download.suggestedFilename()).toMatch(new RegExp(`^acme-users-.*\\.${extension}$`));
  return await readFile(await download.path());
}

test('the users are exported as CSV and as Excel, and downloaded', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const lines = (await exported(ada.page, 'CSV')).toString().trim().split(/\r?\n/);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/email.*name/i);
  for (const who of ['ada@acme.test', 'ben@acme.test', 'dana@agency.test']) {
    expect(lines.filter((line) => line.includes(who))).toHaveLength(1);
  }
  const workbook = await exported(ada.page, 'Excel');
  const texts = textInZip(workbook, 'xl/sharedStrings.xml');
  for (const text of ['Ada Lovelace', 'ben@acme.test']) expect(texts).toContain(text);
  const sheet = textInZip(workbook, 'xl/worksheets/sheet1.xml');
  expect(sheet.match(/<row /g)).toHaveLength(4);
  await expect(toastTitled(ada.page, /exported: acme-users.*\.xlsx is ready/)).toBeVisible();
  await leave(ada);
});

test('a file is uploaded, downloaded, and imported from where it is', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  await openOperations(ada);
  const { page } = ada;
  const content = csv(300, 'uploaded');
  await page
    .getByLabel('File to upload')
    .setInputFiles({ name: 'more.csv', mimeType: 'text/csv', buffer: Buffer.from(content) });
  await expect(toastTitled(page, 'more.csv has been uploaded.')).toBeVisible();
  const files = page.getByRole('region', { name: 'Files' });
  const downloading = page.waitForEvent('download');
  await files.getByRole('link', { name: 'Download more.csv' }).click();
  expect(await readFile(await (await downloading).path(), 'utf8')).toBe(content);
  await files.getByRole('button', { name: 'Import more.csv' }).click();
  await expect(toastTitled(page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await page.getByRole('link', { name: 'Users', exact: true }).click();
  await expectTotal(page, '303');
  await leave(ada);
});

test('when the server is killed, a durable operation goes on, and the other can be tried again', async ({
  browser,
}) => {
  test.setTimeout(90_000 + 2 * TAKEN_OVER_MS);
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const { page } = ada;
  await importStored(page, 'first.csv', csv(3000, 'first')); // an export of these takes a while
  await expect(toastTitled(page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  const startedAt = (await toastLog(page)).length;
  const importId = await importStored(page, 'second.csv', csv(5000, 'second'));
  await expect(toastTitled(page, /User Import - 6[2-9]%/)).toBeVisible({ timeout: 20_000 });
  const exporting = await startExport(page, 'Excel');
  const reconnect = page.getByRole('button', { name: 'Reconnect now' });
  await demo.crash(() => expect(reconnect).toBeVisible());
  const killedAt = (await toastLog(page)).length;
  const { id: exportId } = (await exporting.json()) as StoredOperation;

  // unless it is faster than that by itself
  await reconnect.click({ timeout: 2000 }).catch(() => {});
  await expectLive(page);
  await expect(runningToast(page)).toContainText('Retrying (2)', { timeout: TAKEN_OVER_MS });
  const interrupted = toastTitled(page, 'Data Export was interrupted');
  await expect(interrupted).toBeVisible({ timeout: TAKEN_OVER_MS });
  await interrupted.getByRole('button', { name: 'Retry' }).click();
  await expect(toastTitled(page, /exported: acme-users.*\.xlsx is ready/)).toBeVisible();
  await expect(toastTitled(page, SUCCESS)).toBeVisible({ timeout: 30_000 });
  await expectTotal(page, '8,003');
  for (const id of [importId, exportId]) {
    expect(await atEnd(ada, id)).toMatchObject({ state: 'succeeded', attempt: 2 });
  }

  const log = await toastLog(page);
  expect(fallsIn(percentages(log.slice(startedAt, killedAt)))).toBe(0);
  // the second attempt begins at its own beginning, and that is all that ever goes back
  expect(fallsIn(percentages(log.slice(startedAt)))).toBeLessThanOrEqual(1);
  expect(appearances(log, /User Import (failed|was interrupted)/)).toBe(0);
  expect(appearances(log, 'Data Export was interrupted')).toBe(1);
  await leave(ada);
});

test('who sees what: one’s own, an admin everything of the tenant, and nobody anything of another', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test');
  const adas = await importStored(ada.page, 'adas.csv', csv(3, 'ada'));
  await openOperations(ada);
  const bens = await importStored(ben.page, 'bens.csv', csv(4, 'ben'));

  // live, on a page that was open before
  await expect(itemOf(ada.page, bens)).toHaveAttribute('data-state', 'succeeded');
  await expect(itemOf(ada.page, bens)).toContainText('Ben Okafor');
  await expect(itemOf(ada.page, bens)).toContainText('bens.csv');
  await expect(itemOf(ada.page, adas)).toContainText('You');
  await openOperations(ben);
  await expect(itemOf(ben.page, bens)).toBeVisible();
  await expect(itemOf(ben.page, adas)).toHaveCount(0);
  await openOperations(cleo);
  await expect(cleo.page.getByText('Nothing has been started yet')).toBeVisible();

  const nobodys = adas.replace(/..$/, '00');
  const refusals = [ask(cleo, bens), ask(ben, adas), ask(ben, nobodys)];
  for (const answer of await Promise.all(refusals)) expect(answer.status()).toBe(404);
  expect(ben.frames.join('')).not.toContain(adas);
  for (const id of [adas, bens]) expect(cleo.frames.join('')).not.toContain(id);
  expect((await toastLog(ada.page)).flat()).not.toContain(
    'Users imported successfully! 4 imported',
  );
  await cleo.close();
  for (const person of [ada, ben]) await leave(person);
});

test('what ended while nobody looked is told once, when somebody does', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const id = await importStored(ada.page, 'users.csv', csv(1500, 'away'));
  await expect(runningToast(ada.page)).toBeVisible();
  const context = ada.page.context();
  await ada.page.close();
  const end = await context.request.get(`${demo.url}/api/operations/${id}/wait?timeout=30`);
  expect(await end.json()).toMatchObject({ state: 'succeeded', isSeen: false });

  const back = await openTab(ada, demo.url);
  await expect(toastTitled(back.page, SUCCESS)).toContainText('While you were away');
  const isSeen = async () => (await atEnd(back, id)).isSeen;
  await expect.poll(isSeen).toBe(true);
  expect(appearances(await toastLog(back.page), SUCCESS)).toBe(1);

  await back.page.reload();
  await expectLive(back.page);
  await openOperations(back);
  await expect(itemOf(back.page, id)).toHaveAttribute('data-state', 'succeeded');
  expect((await toastLog(back.page)).flat()).toEqual([]);
  await back.close();
});
