import { expect, type Page, test } from '@playwright/test';
import { type DemoServer, startDemo } from './demo-server.ts';
import { logIn } from './person.ts';

let demo: DemoServer;

test.beforeAll(async () => {
  demo = await startDemo();
});
test.afterAll(async () => {
  const { code } = await demo.stop();
  expect(code).toBe(0);
});

async function changePrice(page: Page, price: string): Promise<void> {
  await page.getByRole('button', { name: /^Price of Desk lamp/ }).click();
  await page.getByLabel('Price of Desk lamp', { exact: true }).fill(price);
  await page.keyboard.press('Enter');
}

test('a product changes on every page of its tenant, in order, and on no other', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test'); // her lamp has the same id
  for (const { page } of [ada, ben, cleo]) {
    await page.getByRole('link', { name: 'Products' }).click();
    await expect(page.getByRole('button', { name: /^Price of Desk lamp/ })).toBeVisible();
  }
  const own = await cleo.page.getByRole('button', { name: /^Price of Desk lamp/ }).textContent();
  for (const price of ['51', '52', '53.50']) await changePrice(ada.page, price);
  const lampOf = (page: Page) =>
    page.getByRole('button', { name: /^Price of Desk lamp.*53[.,]50/ });
  await expect(lampOf(ben.page)).toBeVisible();
  await expect(lampOf(ada.page)).toBeVisible();

  await ben.page.getByRole('link', { name: 'Desk lamp' }).click(); // the detail follows, too
  await changePrice(ada.page, '60');
  await expect(ben.page.getByText(/60[.,]00/).first()).toBeVisible();
  expect(cleo.frames.join('')).not.toContain('data:product');
  await expect(cleo.page.getByRole('button', { name: /^Price of Desk lamp/ })).toHaveText(
    own ?? '',
  );
  for (const person of [ada, ben, cleo]) await person.close();
});
