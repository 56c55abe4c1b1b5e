import { expect, type Page, test } from '@playwright/test';
import { type CuttableProxy, startProxy } from './cuttable-proxy.ts';
import { type DemoServer, startDemo } from './demo-server.ts';
import {
  csv,
  expectLive,
  importFile,
  logIn,
  openTab,
  type Person,
  toastLog,
  toastTitled,
} from './person.ts';

let demo: DemoServer;
let proxy: CuttableProxy;

test.beforeAll(async () => {
  demo = await startDemo();
  proxy = await startProxy(demo.port);
});
test.afterAll(async () => {
  await proxy.close();
  const { code } = await demo.stop();
  expect(code).toBe(0);
});

const said = (page: Page, text: string) =>
  page.getByRole('list', { name: 'Messages' }).getByText(text, { exact: true });

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message to General').fill(text);
  await page.getByLabel('Message to General').press('Enter');
  await expect(said(page, text)).toHaveCount(1);
}

async function openGeneral({ page }: Person): Promise<void> {
  await page.getByRole('link', { name: /^Chat/ }).first().click();
  await page.getByRole('link', { name: 'General' }).click();
  await expect(page.getByLabel('Message to General')).toBeVisible();
}

async function switchTo({ page }: Person, tenant: string): Promise<void> {
  await page.getByRole('button', { name: /^Tenant:/ }).click();
  await page.getByRole('menuitemradio', { name: tenant }).click();
  await expect(page.getByRole('button', { name: `Tenant: ${tenant}.` })).toBeVisible();
  await expectLive(page);
}

test('one account in two tenants, a tab in each: neither sees an event of the other, whatever happens to them', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test');
  const acmeTab = await logIn(browser, proxy.url, 'dana@agency.test');
  const globexTab = await openTab(acmeTab, proxy.url);
  await switchTo(globexTab, 'Globex');
  for (const person of [ada, cleo, acmeTab, globexTab]) await openGeneral(person);

  await say(ada.page, 'acme one');
  await say(cleo.page, 'globex one');
  await expect(said(acmeTab.page, 'acme one')).toHaveCount(1);
  await expect(said(globexTab.page, 'globex one')).toHaveCount(1);
  expect(acmeTab.frames.join('')).not.toContain('globex one');
  expect(globexTab.frames.join('')).not.toContain('acme one');

  // one reconnects, while the other switches
  proxy.cut();
  await expect(globexTab.page.locator('[data-status]')).not.toHaveAttribute('data-status', 'live');
  await say(ada.page, 'acme two');
  await say(cleo.page, 'globex two');
  proxy.mend();
  const [acmeFrames, globexFrames] = [acmeTab.frames.length, globexTab.frames.length];
  await switchTo(acmeTab, 'Globex');
  await expectLive(globexTab.page);
  await expect(said(globexTab.page, 'globex two')).toHaveCount(1);
  const before = acmeTab.frames.findLastIndex((frame) => frame.includes('"tenantId":"globex"'));
  expect(before).toBeGreaterThanOrEqual(acmeFrames); // it has connected as a member of Globex
  await say(ada.page, 'acme three');
  await say(cleo.page, 'globex three');
  await openGeneral(acmeTab);
  await expect(said(acmeTab.page, 'globex three')).toHaveCount(1);
  await expect(said(globexTab.page, 'globex three')).toHaveCount(1);
  for (const text of ['acme one', 'acme two', 'acme three']) {
    await expect(said(acmeTab.page, text)).toHaveCount(0);
    expect(globexTab.frames.join('')).not.toContain(text);
  }
  expect(acmeTab.frames.slice(before).join('')).not.toContain('acme');
  expect(globexTab.frames.slice(globexFrames).join('')).not.toContain('acme');
  for (const person of [ada, cleo, acmeTab]) await person.close();
});

test('a log-out in one tab ends the other, which says why', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const other = await openTab(ada, demo.url);
  await ada.page.getByRole('button', { name: /^Account/ }).click();
  await ada.page.getByRole('menuitem', { name: 'Log out' }).click();
  await expect(other.page.getByText('Your session has ended.')).toBeVisible();
  await other.page.waitForLoadState('networkidle');
  await expect(other.page.getByText('Your session has ended.')).toBeVisible();
  await expect(ada.page.getByText('Your session has ended.')).toHaveCount(0);
  await ada.close();
});

/** Holds back everything that the page wants changed, until it is released; a PATCH then fails. */
async function holdChanges({ page }: Person): Promise<() => void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await page.route('**/api/**', async (route) => {
    const method = route.request().method();
    if (method !== 'GET') await promise;
    await (method === 'PATCH' ? route.fulfill({ status: 500 }) : route.continue());
  });
  return resolve;
}

test('what is on its way when a tab switches reaches nothing of the other tenant', async ({
  browser,
}) => {
  const dana = await logIn(browser, demo.url, 'dana@agency.test');
  const { page } = dana;
  const changes: unknown[] = [];
  page.on('request', (request) => {
    if (request.method() === 'GET') return;
    changes.push([request.method(), request.headers()['x-trunkline-tenant']]);
  });
  await openGeneral(dana);
  const release = await holdChanges(dana);
  for (const text of ['for Acme, first', 'for Acme, second']) {
    await page.getByLabel('Message to General').fill(text);
    await page.getByLabel('Message to General').press('Enter');
  }
  await page.getByRole('button', { name: 'New chat' }).click();
  await page.getByLabel('Name').fill('Acme only');
  await page.getByRole('button', { name: 'Create chat' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Products' }).first().click();
  await page.getByRole('button', { name: /^Price of Desk lamp/ }).click();
  await page.getByLabel('Price of Desk lamp').fill('77');
  await page.getByLabel('Price of Desk lamp').press('Enter');

  await switchTo(dana, 'Globex');
  const visited: string[] = [];
  page.on('framenavigated', (frame) => visited.push(new URL(frame.url()).pathname));
  const answered = ['/messages', '/api/chats', '/desk-lamp'].map((path) =>
    page.waitForResponse((answer) => {
      return answer.url().endsWith(path) && answer.request().method() !== 'GET';
    }),
  );
  release();
  await Promise.all(answered);
  await openGeneral(dana);
  await say(page, 'for Globex');
  await expect(page.getByText('for Acme')).toHaveCount(0);
  expect(changes).toEqual([
    ['POST', 'acme'],
    ['POST', 'acme'],
    ['PATCH', 'acme'],
    ['POST', 'globex'],
  ]);
  expect((await toastLog(page)).flat()).toEqual([]);
  expect(visited).toEqual(['/chat', '/chat/general']);
  await dana.close();
});

test('a file that is still being read when a tab switches is imported where it was chosen', async ({
  browser,
}) => {
  const dana = await logIn(browser, demo.url, 'dana@agency.test');
  const { page } = dana;
  await page.evaluate(() => {
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(window, { readFiles: resolve });
    Blob.prototype.text = async function () {
      await promise;
      return await new Response(this).text();
    };
  });
  await importFile(page, 'users.csv', csv(1, 'acme-only'));
  await switchTo(dana, 'Globex');
  const answered = page.waitForResponse((answer) => answer.url().endsWith('/api/users/import'));
  await page.evaluate(() => (window as unknown as { readFiles: () => void }).readFiles());
  expect((await answered).request().headers()['x-trunkline-tenant']).toBe('acme');
  await dana.close();
});

test('a platform alert reaches the platform’s staff, an announcement its tenant, and nobody else', async ({
  browser,
}) => {
  const root = await logIn(browser, demo.url, 'root@platform.test');
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test');

  await root.page.getByRole('button', { name: /alert/i }).click();
  const alert = root.page.getByRole('dialog');
  await alert.getByLabel(/^Alert|Message/).fill('Maintenance at noon');
  await alert.getByRole('button', { name: /alert|send/i }).click();
  await expect(toastTitled(root.page, 'Platform alert')).toBeVisible();

  await root.page.getByRole('button', { name: 'Announce something to Acme' }).click();
  const dialog = root.page.getByRole('dialog');
  await dialog.getByLabel('Announcement').fill('New canteen');
  await dialog.getByRole('button', { name: 'Announce' }).click();
  for (const { page } of [ada, ben]) {
    await expect(toastTitled(page, 'Announcement to Acme')).toBeVisible();
  }
  for (const { page, frames } of [ada, ben, cleo]) {
    expect(frames.join('')).not.toContain('Maintenance at noon');
    expect((await toastLog(page)).flat()).not.toContain('Platform alert');
  }
  for (const { frames } of [root, cleo]) expect(frames.join('')).not.toContain('New canteen');
  for (const person of [root, ada, ben, cleo]) await person.close();
});

test('a new tenant is made as an operation, its admin logs in, and a support view of it is on record', async ({
  browser,
}) => {
  const root = await logIn(browser, demo.url, 'root@platform.test');
  await root.page.getByRole('button', { name: 'Create tenant' }).click();
  const dialog = root.page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Initech');
  await dialog.getByRole('button', { name: 'Create tenant' }).click();
  await expect(root.page.getByRole('row', { name: /Initech/ })).toBeVisible({ timeout: 30_000 });
  await expect(toastTitled(root.page, 'For the platform’s admins')).toBeVisible();
  expect(root.frames.some((frame) => frame.includes('tenant-creation'))).toBe(true);

  const admin = await logIn(browser, demo.url, 'ada@acme.test');
  const signedIn = await admin.page.evaluate(async () => {
    const response = await fetch('/api/auth/login', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'admin@initech.test', password: 'demo' }),
    });
    return response.status;
  });
  expect(signedIn).toBe(200);

  await root.page.getByRole('button', { name: 'Open a support view of Initech' }).click();
  await root.page.getByLabel('Reason').fill('Ticket 4711');
  await root.page.getByRole('button', { name: 'Open support view' }).click();
  const banner = root.page.getByRole('region', { name: 'Support view' });
  await expect(banner).toContainText('You see Initech as its own people do.');
  await expectLive(root.page);
  await banner.getByRole('button', { name: 'Leave' }).click();
  await expect(banner).toHaveCount(0);
  await root.page.getByRole('link', { name: 'Audit trail' }).click();
  await expect(root.page.getByRole('cell', { name: /Ticket 4711/ }).first()).toBeVisible();
  for (const person of [root, admin]) await person.close();
});
