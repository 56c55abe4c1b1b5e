import { expect, test } from '@playwright/test';
import { type DemoServer, startDemo } from './demo-server.ts';
import { expectTotal, importFile, logIn, removeImported, toastTitled } from './person.ts';

let demo: DemoServer;

test.beforeAll(async () => {
  demo = await startDemo();
});
test.beforeEach(() => removeImported(demo.url));
test.afterAll(async () => {
  await demo.stop();
});

test('bad rows are reported by line and reason, the good ones imported', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const rows = ['email,name', 'good@example.com,Good One', 'not-an-address,Bad', 'only-one-field'];
  await importFile(ada.page, 'mixed.csv', rows.join('\n'));
  await expect(toastTitled(ada.page, /imported/i)).toBeVisible();
  const report = ada.page.getByRole('region', { name: /Import report of mixed.csv/ });
  await expect(report.getByRole('row', { name: /^3 .*e-?mail/i })).toBeVisible();
  await expect(report.getByRole('row', { name: /^4 / })).toBeVisible();
  await expectTotal(ada.page, '4');
  await ada.close();
});

test('more than 100 bad rows: the first 100 and the count', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const bad = Array.from({ length: 250 }, (_, i) => `bad${i},Nobody`);
  await importFile(ada.page, 'bad.csv', ['email,name', 'a@example.com,A', ...bad].join('\n'));
  const report = ada.page.getByRole('region', { name: /Import report of bad.csv/ });
  await expect(report.getByText('The first 100 of 250 are listed.')).toBeVisible();
  await expect(report.getByRole('row')).toHaveCount(101);
  await ada.close();
});

const megabytes = (count: number) => 'x'.repeat(count * 1024 * 1024);
const cases: [string, string, RegExp][] = [
  ['empty', '', /empty/i],
  ['a wrong header', 'mail;fullname\na@example.com;A', /first line must be email,name/i],
  ['no CSV', '\u0000\u0001PNG binary\u0000', /csv/i],
  ['over 20 MB', `email,name\n${megabytes(21)}`, /20 MB/i],
];
for (const [what, content, message] of cases) {
  test(`a file that is ${what} gives one clear error toast and changes nothing`, async ({
    browser,
  }) => {
    const ada = await logIn(browser, demo.url, 'ada@acme.test');
    await importFile(ada.page, 'wrong.csv', content);
    const toast = ada.page.locator('[data-sonner-toast][data-type="error"]');
    await expect(toast).toHaveCount(1);
    await expect(toast).toContainText(message);
    await ada.page.reload();
    await expectTotal(ada.page, '3');
    await ada.close();
  });
}
