import { readFile } from 'node:fs/promises';
import { type Browser, type BrowserContext, expect, type Page } from '@playwright/test';

export type Account =
  | 'ada@acme.test'
  | 'ben@acme.test'
  | 'cleo@globex.test'
  | 'dana@agency.test'
  | 'root@platform.test';

/** Somebody at a browser of their own: cookies, tab and everything that was seen. */
export interface Person {
  readonly page: Page;
  /** Every frame that this person's WebSockets have received, as raw text. */
  readonly frames: string[];
  close(): Promise<void>;
}

/** Logs in with one click on the demo's account list. */
export async function logIn(browser: Browser, url: string, account: Account): Promise<Person> {
  const context = await browser.newContext();
  const person = await newTab(context);
  await person.page.goto(url);
  await person.page.getByRole('button', { name: account }).click();
  await expectLive(person.page);
  return person;
}

/** One more tab of the same browser: the same cookies, a connection of its own. */
export async function openTab({ page }: Person, url: string): Promise<Person> {
  const person = await newTab(page.context());
  await person.page.goto(url);
  await expectLive(person.page);
  return person;
}

export async function expectLive(page: Page): Promise<void> {
  await expect(page.locator('[data-status]')).toHaveAttribute('data-status', 'live', {
    timeout: 20_000,
  });
}

async function newTab(context: BrowserContext): Promise<Person> {
  const page = await context.newPage();
  const frames: string[] = [];
  page.on('websocket', (socket) => {
    socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
  });
  await recordToasts(page);
  return { page, frames, close: () => context.close() };
}

/** One look at the toasts: the titles that were on the screen at the same time. */
export type ToastLog = string[][];

/** Notes every change of the toasts on the page, so that nothing between two looks is missed. */
async function recordToasts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const log: string[][] = [];
    Object.assign(window, { toastLog: log });
    const look = () => {
      const toasts = document.querySelectorAll('[data-sonner-toast]:not([data-removed="true"])');
      const titles = [...toasts].map(
        (toast) => toast.querySelector('[data-title]')?.textContent ?? '',
      );
      if (JSON.stringify(titles) !== JSON.stringify(log.at(-1))) log.push(titles);
    };
    new MutationObserver(look).observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
}

export async function toastLog(page: Page): Promise<ToastLog> {
  return await page.evaluate(() => (window as unknown as { toastLog: string[][] }).toastLog);
}

export const runningToast = (page: Page) =>
  page.locator('[data-sonner-toast]', { hasText: /User Import( - \d+%)?/ });

export const toastTitled = (page: Page, title: string | RegExp) =>
  page.locator('[data-sonner-toast]', { hasText: title });

/** How many users the table says there are. */
export async function expectTotal(page: Page, total: string): Promise<void> {
  await expect(page.getByText(`of ${total}`, { exact: false }).first()).toBeVisible({
    timeout: 30_000,
  });
}

/** Brings Acme's table back to the three who were there from the start. */
export async function removeImported(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json', origin: url };
  const login = await fetch(`${url}/api/auth/login`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ email: 'ada@acme.test', password: 'demo' }),
  });
  const cookie = login.headers.get('set-cookie')?.split(';')[0] ?? '';
  const removal = await fetch(`${url}/api/users/imported`, {
    method: 'DELETE',
    headers: { ...headers, cookie },
  });
  expect(removal.status).toBe(200);
}

/** Imports a file the way the guide prints it: the request waits for the end. */
export async function importFile(page: Page, name: string, content: string): Promise<void> {
  await page.getByRole('radio', { name: 'As in the guide' }).check();
  await chooseFile(page, name, content);
}

/** Imports a file as a stored operation; resolves with its id as soon as the server has answered. */
export async function importStored(page: Page, name: string, content: string): Promise<string> {
  await page.getByRole('radio', { name: 'Stored operation' }).check();
  const answered = page.waitForResponse(
    (answer) => answer.url().endsWith('/api/users/imports') && answer.request().method() === 'POST',
  );
  await chooseFile(page, name, content);
  const answer = await answered;
  expect(answer.status()).toBe(202);
  const { id } = (await answer.json()) as { id: string };
  expect(answer.headers()['location']).toBe(`/api/operations/${id}`);
  return id;
}

async function chooseFile(page: Page, name: string, content: string): Promise<void> {
  await page
    .getByLabel('CSV file', { exact: true })
    .setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
}

/** A CSV of so many good rows, each with an e-mail address that only this prefix has. */
export function csv(rows: number, prefix: string): string {
  const lines = Array.from(
    { length: rows },
    (_, i) => `${prefix}${i}@example.com,Person ${i},member,Sales`,
  );
  return ['email,name,role,department', ...lines].join('\n');
}

export async function sampleCsv(): Promise<string> {
  return await readFile('apps/demo/sample/users-10000.csv', 'utf8');
}

/** The percentages that the log shows for one import, in order. */
export function percentages(log: ToastLog): number[] {
  return log
    .flat()
    .map((title) => /User Import - (\d+)%/.exec(title)?.[1])
    .filter((text) => text !== undefined)
    .map(Number);
}

/** How often a toast of this title appeared: looks in which it is there and was not just before. */
export function appearances(log: ToastLog, title: string | RegExp): number {
  const isShown = (titles: string[]) =>
    titles.some((shown) => (typeof title === 'string' ? shown === title : title.test(shown)));
  return log.filter((titles, i) => isShown(titles) && !isShown(log[i - 1] ?? [])).length;
}
