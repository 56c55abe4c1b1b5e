// Takes minutes: part of `npm run test:cluster` alone (see playwright.config.ts).
import { setTimeout as delay } from 'node:timers/promises';
import { expect, type Page, test } from '@playwright/test';
import { DemoCluster } from './demo-cluster.ts';
import { startOldProxy } from './old-proxy.ts';
import { onTwoNodes, openGeneral, saidTo, say } from './on-nodes.ts';
import { appearances, csv, expectTotal, importStored, toastLog } from './person.ts';

/** A node's operations are its own until its lease of 30 s is over. */
const TAKEN_OVER_MS = 60_000;

let cluster: DemoCluster;

test.beforeEach(async () => {
  test.setTimeout(240_000);
  cluster = await DemoCluster.start({ nodes: 2, env: { IMPORT_PACE_MS: '3000', DRAIN: 'deploy' } });
});
test.afterEach(() => cluster.stop('SIGKILL'));

/** What the list says of an import. */
interface Import {
  state: string;
  attempt: number;
  percentage?: number;
}

function countLoads(page: Page): () => number {
  let loads = 0;
  page.on('load', () => {
    loads += 1;
  });
  return () => loads;
}

test('of four imports, two on each node, those of a killed node go on at the other, and the rest is not disturbed', async ({
  browser,
}) => {
  const { ada, adas } = await onTwoNodes(browser, cluster);
  const loads = countLoads(ada.page);
  const listed = async () => {
    const answer = await ada.page.request.get(`${cluster.url}/api/operations`);
    return ((await answer.json()) as { operations: Import[] }).operations;
  };
  for (const name of ['a', 'b', 'c', 'd']) {
    await importStored(ada.page, `${name}.csv`, csv(5000, name));
  }
  const started = async () => (await listed()).filter(({ percentage }) => (percentage ?? 0) > 60);
  await expect.poll(started, { timeout: 30_000 }).toHaveLength(4);
  expect((await listed()).map(({ state }) => state)).not.toContain('succeeded');
  await adas.end('SIGKILL');
  const done = async () => (await listed()).filter(({ state }) => state === 'succeeded');
  await expect.poll(done, { timeout: TAKEN_OVER_MS + 60_000 }).toHaveLength(4);

  const attempts = (await listed()).map(({ attempt }) => attempt);
  expect(attempts.filter((attempt) => attempt === 1)).toHaveLength(2);
  expect(attempts.filter((attempt) => attempt === 2)).toHaveLength(2);
  await expectTotal(ada.page, '20,003');
  const log = await toastLog(ada.page);
  expect(appearances(log, /failed|interrupted/)).toBe(0);
  expect(loads()).toBe(0);
});

test('a page without WebSockets loses its node in the middle of a chat, and nothing of the chat', async ({
  browser,
}) => {
  const proxy = await startOldProxy(Number(new URL(cluster.url).port));
  const { ada, ben, adas } = await onTwoNodes(browser, cluster, proxy.url);
  const loads = countLoads(ada.page);
  for (const { page } of [ada, ben]) await openGeneral(page);
  await say(ada.page, 'One.');
  await expect.poll(() => saidTo(ben.page)).toEqual(['One.']);

  await adas.end('SIGKILL');
  for (const text of ['Two.', 'Three.']) await say(ben.page, text);
  await expect.poll(() => saidTo(ada.page), { timeout: 20_000 }).toHaveLength(3);
  await say(ada.page, 'Four.');
  for (const { page } of [ada, ben]) {
    await expect.poll(() => saidTo(page)).toEqual(['One.', 'Two.', 'Three.', 'Four.']);
  }
  await expect(ada.page.locator('[data-status]')).toHaveText('Live over HTTP');
  expect(loads()).toBe(0);
  await proxy.close();
});

/** Stops every node as a deploy does, and starts it again, one after the other. */
async function deploy(): Promise<{ code: number | null; seconds: number }[]> {
  const stops: { code: number | null; seconds: number }[] = [];
  for (const node of cluster.nodes) {
    const startedAt = performance.now();
    const ended = await node.end('SIGTERM');
    const seconds = (performance.now() - startedAt) / 1000;
    stops.push({ code: ended?.code ?? null, seconds });
    await cluster.startNode(node);
  }
  return stops;
}

test('a rolling deploy under two people who chat: nothing is lost, nothing fails, nobody reloads', async ({
  browser,
}) => {
  const { ada, ben } = await onTwoNodes(browser, cluster);
  const loads = [ada, ben].map(({ page }) => countLoads(page));
  for (const { page } of [ada, ben]) await openGeneral(page);
  const over = new AbortController();
  const deployed = deploy().finally(() => over.abort());
  const said: string[] = [];
  const failures: number[] = [];
  while (!over.signal.aborted) {
    said.push(`Number ${said.length + 1}.`);
    await say(ada.page, said.at(-1) ?? '');
    const { status } = await fetch(`${cluster.url}/api/health`);
    if (status !== 200) failures.push(status);
    await delay(200);
  }
  for (const { page } of [ada, ben]) {
    await expect.poll(() => saidTo(page)).toHaveLength(said.length);
    expect(await saidTo(page)).toEqual(said);
  }
  expect(failures).toEqual([]);
  await expect(ada.page.getByText(/^Not sent\./)).toHaveCount(0);
  for (const { code, seconds } of await deployed) {
    expect(code).toBe(0);
    expect(seconds).toBeLessThan(26);
  }
  expect(loads.map((count) => count())).toEqual([0, 0]);
});
