import { type Browser, expect, type Page } from '@playwright/test';
import type { DemoCluster } from './demo-cluster.ts';
import type { DemoNode } from './demo-node.ts';
import { expectLive, logIn, type Person } from './person.ts';

/** How many clients each node has; `null`: it is down. */
export function connectionsOf({ nodes }: DemoCluster): Promise<(number | null)[]> {
  return Promise.all(nodes.map((node) => node.connections()));
}

/** Ada and Ben, on a node each of two: who comes to the same one tries again. Ada comes to `adasUrl`. */
export async function onTwoNodes(
  browser: Browser,
  cluster: DemoCluster,
  adasUrl: string = cluster.url,
): Promise<{ ada: Person; ben: Person; adas: DemoNode; bens: DemoNode }> {
  const ada = await logIn(browser, adasUrl, 'ada@acme.test');
  const [first = 0] = await connectionsOf(cluster);
  const ben = await logIn(browser, cluster.url, 'ben@acme.test');
  await expect(async () => {
    if ((await connectionsOf(cluster)).includes(2)) await ben.page.reload();
    await expectLive(ben.page);
    expect(await connectionsOf(cluster)).toEqual([1, 1]);
  }).toPass();
  const [one, two] = cluster.nodes as [DemoNode, DemoNode];
  const [adas, bens] = first === 1 ? [one, two] : [two, one];
  return { ada, ben, adas, bens };
}

export async function openGeneral(page: Page): Promise<void> {
  await page.getByRole('link', { name: /^Chat/ }).first().click();
  await page.getByRole('link', { name: 'General' }).click();
  await expect(page.getByLabel('Message to General')).toBeVisible();
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message to General').fill(text);
  await page.getByLabel('Message to General').press('Enter');
}

/** Everything that a page shows of what was said, in its order. */
export function saidTo(page: Page): Promise<string[]> {
  const list = page.getByRole('list', { name: 'Messages' });
  return list.locator('li p[title]').allTextContents();
}
