import { expect, type Locator, type Page, test } from '@playwright/test';
import { type CuttableProxy, startProxy } from './cuttable-proxy.ts';
import { type DemoServer, startDemo } from './demo-server.ts';
import { expectLive, logIn, toastTitled } from './person.ts';

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

async function openChat(page: Page, name = 'General'): Promise<void> {
  await page.getByRole('link', { name: /^Chat/ }).first().click();
  await page.getByRole('list', { name: 'Chats' }).getByRole('link', { name }).click();
  await expect(page.getByRole('heading', { name, level: 2 })).toBeVisible();
}

const messageField = (page: Page, chat = 'General') => page.getByLabel(`Message to ${chat}`);
const said = (page: Page, text: string): Locator =>
  page.getByRole('list', { name: 'Messages' }).getByText(text, { exact: true });

async function say(page: Page, text: string, chat = 'General'): Promise<void> {
  await messageField(page, chat).fill(text);
  await messageField(page, chat).press('Enter');
}

/** What a client that speaks for itself is answered, with this page's cookies. */
async function subscribeByHand(page: Page, channel: string): Promise<string> {
  return await page.evaluate(async (room) => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/connection/websocket`);
    const answers: string[] = [];
    return await new Promise<string>((resolve) => {
      socket.addEventListener('open', () => {
        socket.send(
          JSON.stringify({ id: 1, connect: { subs: { [room]: { recover: true, offset: 0 } } } }),
        );
        socket.send(JSON.stringify({ id: 2, subscribe: { channel: room, recover: true } }));
      });
      socket.addEventListener('message', ({ data }) => {
        answers.push(String(data));
        if (!String(data).includes('"id":2')) return;
        socket.close();
        resolve(answers.join('\n'));
      });
    });
  }, channel);
}

test('two people chat in two browsers, see each other typing and being there, and nobody else hears them', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  const cleo = await logIn(browser, demo.url, 'cleo@globex.test'); // her chat has the same id
  for (const { page } of [ada, ben, cleo]) await openChat(page);
  await expect(ada.page.getByText('Also here: Ben Okafor')).toBeVisible();
  await expect(ben.page.getByText('Also here: Ada Lovelace')).toBeVisible();
  await expect(cleo.page.getByText('Nobody else is here')).toBeVisible();

  await messageField(ben.page).pressSequentially('Lunch?');
  await expect(ada.page.getByText('Ben Okafor is typing…')).toBeVisible();
  await expect(ben.page.getByText('is typing…')).toHaveCount(0);
  await messageField(ben.page).press('Enter');
  await expect(said(ada.page, 'Lunch?')).toHaveCount(1);
  await expect(said(ben.page, 'Lunch?')).toHaveCount(1);
  await expect(ada.page.getByText('is typing…')).toHaveCount(0);
  await say(ada.page, 'At noon.');
  await expect(said(ben.page, 'At noon.')).toHaveCount(1);
  await say(cleo.page, 'Hello, Globex.');
  await expect(said(cleo.page, 'Hello, Globex.')).toHaveCount(1);

  expect(cleo.frames.join('')).not.toMatch(/Lunch|At noon|"ben"|"ada"/);
  for (const { frames } of [ada, ben]) expect(frames.join('')).not.toContain('Globex.');
  await ben.close();
  await expect(ada.page.getByText('Nobody else is here')).toBeVisible({ timeout: 15_000 });
  await ada.close();
  await cleo.close();
});

test('who has typed and gone silent is not shown as typing for long', async ({ browser }) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  for (const { page } of [ada, ben]) await openChat(page);
  await messageField(ben.page).pressSequentially('Hm');
  await expect(ada.page.getByText('Ben Okafor is typing…')).toBeVisible();
  await expect(ada.page.getByText('is typing…')).toHaveCount(0, { timeout: 9_000 }); // 6 s after the last key
  const signals = ada.frames.filter((frame) => frame.includes('chat:typing'));
  expect(signals.length).toBeLessThanOrEqual(2); // one for three seconds of typing, one for its end
  for (const person of [ada, ben]) await person.close();
});

test('a member who is taken out of a chat hears no more of it at once, and cannot come back', async ({
  browser,
}) => {
  const ada = await logIn(browser, demo.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  await ada.page.getByRole('link', { name: /^Chat/ }).first().click();
  await ada.page.getByRole('button', { name: /new chat/i }).click();
  const dialog = ada.page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Launch');
  await dialog.getByLabel('Ben Okafor').check();
  await dialog.getByRole('button', { name: /^Create/ }).click();
  await expect(ada.page.getByRole('heading', { name: 'Launch', level: 2 })).toBeVisible();
  await openChat(ben.page, 'Launch');
  const chatId = ben.page.url().split('/').at(-1) ?? '';
  await say(ada.page, 'Before.', 'Launch');
  await expect(said(ben.page, 'Before.')).toHaveCount(1);

  await ada.page.getByRole('button', { name: /^Members/ }).click();
  await ada.page.getByRole('button', { name: 'Remove Ben Okafor' }).click();
  await expect(toastTitled(ben.page, 'You are not in “Launch” any more')).toBeVisible();
  await expect(ben.page.getByRole('heading', { name: 'Launch', level: 2 })).toHaveCount(0);
  await ada.page.keyboard.press('Escape');
  await say(ada.page, 'After: secret.', 'Launch');
  await expect(said(ada.page, 'After: secret.')).toHaveCount(1);

  const answer = await subscribeByHand(ben.page, `chat:${chatId}`);
  expect(answer).toContain('"code":103');
  expect(answer).not.toContain('secret');
  const status = await ben.page.evaluate(
    async (id) => (await fetch(`/api/chat/${id}/messages`)).status,
    chatId,
  );
  expect(status).toBe(404);
  await ben.page.goto(`${demo.url}/chat/${chatId}`);
  await expectLive(ben.page);
  await expect(
    ben.page.getByRole('list', { name: 'Chats' }).getByRole('link', { name: 'Launch' }),
  ).toHaveCount(0);
  expect(ben.frames.join('')).not.toContain('secret');
  for (const person of [ada, ben]) await person.close();
});

test('what was said while a page was cut off is there once, in order, and what it could not send it sends again', async ({
  browser,
}) => {
  const ada = await logIn(browser, proxy.url, 'ada@acme.test');
  const ben = await logIn(browser, demo.url, 'ben@acme.test');
  for (const { page } of [ada, ben]) await openChat(page);
  await say(ben.page, 'One.');
  await expect(said(ada.page, 'One.')).toHaveCount(1);
  proxy.cut();
  await expect(ada.page.locator('[data-status]')).not.toHaveAttribute('data-status', 'live');
  for (const text of ['Two.', 'Three.', 'Four.']) {
    await say(ben.page, text);
    await expect(said(ben.page, text)).toHaveCount(1);
  }
  await say(ada.page, 'From the tunnel.');
  await expect(ada.page.getByText(/^Not sent\./)).toBeVisible();
  proxy.mend();
  await expectLive(ada.page);
  await ada.page.getByRole('button', { name: 'Try again' }).click();
  await expect(said(ben.page, 'From the tunnel.')).toHaveCount(1);
  for (const { page } of [ada, ben]) {
    await expect(page.getByText(/^Not sent\./)).toHaveCount(0);
    const bubbles = page.getByRole('list', { name: 'Messages' }).locator('li p[title]');
    const texts = await bubbles.allTextContents();
    expect(texts.slice(texts.indexOf('One.'))).toEqual([
      'One.',
      'Two.',
      'Three.',
      'Four.',
      'From the tunnel.',
    ]);
  }
  for (const person of [ada, ben]) await person.close();
});
