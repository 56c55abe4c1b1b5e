// Takes the pictures of the demo in the docs: `npm run build && npm run picture`.
import { type Browser, chromium, type Page } from 'playwright';
import { startDemo } from '../test/e2e/demo-server.ts';
import {
  csv,
  expectTotal,
  importStored,
  logIn,
  sampleCsv,
  toastTitled,
} from '../test/e2e/person.ts';
import { chromiumArgs, chromiumPath } from './chromium.ts';

const SIZE = { width: 880, height: 760 };

const TALK: readonly (readonly ['ada' | 'ben', string])[] = [
  ['ben', 'Did the import go through?'],
  ['ada', '10,000 users, and nobody had to reload.'],
  ['ben', 'I watched my table fill up by itself.'],
  ['ada', 'Lunch?'],
];

interface Panel {
  readonly caption: string;
  readonly image: Buffer;
}

const executablePath = chromiumPath();
const browser = await chromium.launch({
  args: chromiumArgs,
  ...(executablePath ? { executablePath } : {}),
});
const demo = await startDemo({ IMPORT_PACE_MS: '250' });
try {
  await drawPanels(browser, 'demo.png', await takeImport(browser, demo.url));
  await drawPanels(browser, 'chat.png', await takeChat(browser, demo.url));
  await drawPanels(browser, 'operations.png', await takeOperations(browser, demo.url));
} finally {
  await browser.close();
  await demo.stop();
}

/** Ada while her import runs; Ben, who has not touched his page, after it has ended. */
async function takeImport(people: Browser, url: string): Promise<Panel[]> {
  const ada = await logIn(people, url, 'ada@acme.test');
  const ben = await logIn(people, url, 'ben@acme.test');
  for (const { page } of [ada, ben]) await page.setViewportSize(SIZE);
  await importStored(ada.page, 'users.csv', await sampleCsv());
  await toastTitled(ada.page, /User Import - 7\d%/).waitFor();
  const running = await shot(ada.page);
  await expectTotal(ben.page, '10,003');
  const refreshed = await shot(ben.page);
  return [
    { caption: 'Ada imports 10,000 users', image: running },
    { caption: 'Ben’s table refreshes itself', image: refreshed },
  ];
}

/** Ben begins to answer, and Ada sees that he does. */
async function takeChat(people: Browser, url: string): Promise<Panel[]> {
  const ada = (await logIn(people, url, 'ada@acme.test')).page;
  const ben = (await logIn(people, url, 'ben@acme.test')).page;
  for (const page of [ada, ben]) {
    await page.setViewportSize(SIZE);
    await page.goto(`${url}/chat/general`);
    await page.getByText('Also here:').waitFor();
  }
  for (const [who, text] of TALK) {
    const page = who === 'ada' ? ada : ben;
    await page.getByLabel('Message to General').fill(text);
    await page.keyboard.press('Enter');
    for (const each of [ada, ben]) await each.getByText(text, { exact: true }).waitFor();
  }
  await ben.getByLabel('Message to General').pressSequentially('At noon');
  await ada.getByText('Ben Okafor is typing…').waitFor();
  return [
    { caption: 'Ada sees that Ben is here, and types', image: await shot(ada) },
    { caption: 'Ben answers', image: await shot(ben) },
  ];
}

/** Ada sees what everyone at Acme has started; Ben reloads his page in the middle of it. */
async function takeOperations(people: Browser, url: string): Promise<Panel[]> {
  const ada = (await logIn(people, url, 'ada@acme.test')).page;
  const ben = (await logIn(people, url, 'ben@acme.test')).page;
  for (const page of [ada, ben]) await page.setViewportSize(SIZE);
  await ada.getByRole('button', { name: 'Export' }).click();
  await ada.getByRole('menuitem', { name: 'Excel file' }).click();
  await ada.getByRole('region', { name: /is ready/ }).waitFor();
  await importStored(ada, 'people.txt', 'name;mail\nAda;ada@acme.test');
  await toastTitled(ada, 'User Import failed').getByRole('button', { name: /close/i }).click();
  await ada.goto(`${url}/operations`);
  await importStored(ben, 'new-team.csv', csv(6000, 'team'));
  await ada.getByRole('progressbar', { name: 'User Import of new-team.csv' }).waitFor();
  await toastTitled(ben, /User Import - 7\d%/).waitFor();
  await ada.getByRole('button', { name: 'Details of User Import' }).first().click();
  await ben.getByRole('link', { name: 'Operations' }).click();
  await ben.reload();
  await toastTitled(ben, /User Import - /).waitFor();
  return [
    { caption: 'Ada, an admin, sees Ben’s import run', image: await shot(ada) },
    { caption: 'Ben has just reloaded his page', image: await shot(ben) },
  ];
}

async function shot(page: Page): Promise<Buffer> {
  return await page.screenshot({ animations: 'disabled' });
}

async function drawPanels(painter: Browser, name: string, panels: readonly Panel[]): Promise<void> {
  const page = await painter.newPage({ deviceScaleFactor: 1 });
  await page.setViewportSize({ width: 1640, height: 800 });
  const figures = panels.map(
    ({ caption, image }) =>
      `<figure><img src="data:image/png;base64,${image.toString('base64')}"><figcaption>${caption}</figcaption></figure>`,
  );
  await page.setContent(`<style>
    body { margin: 0; }
    main { display: flex; gap: 24px; padding: 24px; background: #eef0f4; font: 500 18px system-ui; }
    figure { margin: 0; flex: 1; }
    img { width: 100%; border-radius: 12px; box-shadow: 0 2px 16px #0003; display: block; }
    figcaption { margin-top: 14px; text-align: center; color: #333c4d; }
  </style><main>${figures.join('')}</main>`);
  const path = new URL(`../docs/${name}`, import.meta.url).pathname;
  await page.locator('main').screenshot({ path });
  console.log(`docs/${name} is new`);
}
