import { expect, test } from '@playwright/test';
import { DemoCluster, missingForCluster } from './demo-cluster.ts';
import { connectionsOf, onTwoNodes, openGeneral, saidTo, say } from './on-nodes.ts';
import { csv, expectTotal, importFile } from './person.ts';

const missing = missingForCluster();
test.skip(missing !== undefined, missing);

let cluster: DemoCluster;

test.beforeAll(async () => {
  cluster = await DemoCluster.start({ nodes: 2 });
});
test.afterAll(async () => {
  await cluster?.stop();
});

test('two people on two nodes; one node is killed, and its page is back through the other without a reload or a gap', async ({
  browser,
}) => {
  const { ada, ben, bens } = await onTwoNodes(browser, cluster);
  let loads = 0;
  let sockets = 0;
  ben.page.on('load', () => {
    loads += 1;
  });
  ben.page.on('websocket', () => {
    sockets += 1;
  });

  await importFile(ada.page, 'few.csv', csv(3, 'few'));
  await expectTotal(ben.page, '6');
  for (const { page } of [ada, ben]) await openGeneral(page);
  await expect(ada.page.getByText('Also here: Ben Okafor')).toBeVisible();
  await say(ben.page, 'One.');
  await say(ada.page, 'Two.');
  for (const { page } of [ada, ben]) {
    await expect.poll(async () => (await saidTo(page)).toSorted()).toEqual(['One.', 'Two.']);
  }

  await bens.end('SIGKILL');
  await say(ada.page, 'Three.');
  await say(ada.page, 'Four.');
  await expect.poll(() => saidTo(ben.page)).toHaveLength(4);
  expect((await saidTo(ben.page)).slice(2)).toEqual(['Three.', 'Four.']);
  await say(ben.page, 'Five.');
  await expect.poll(() => saidTo(ada.page)).toContain('Five.');
  expect(new Set(await connectionsOf(cluster))).toEqual(new Set([2, null]));
  expect(loads).toBe(0);
  expect(sockets).toBeGreaterThanOrEqual(1); // it has come back
  for (const person of [ada, ben]) await person.close();
});
