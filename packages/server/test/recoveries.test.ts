import type { Realm } from '@trunkline/contract';
import { expect, test } from 'vitest';
import { TokenBucket } from '../src/rate.ts';
import { Recoveries } from '../src/recoveries.ts';
import { acme, allChannel, globex, RawClient, serve, type TestServer } from './harness.ts';

/** Publishes ten times a kilobyte, and gives where one stands that has missed all of it. */
async function missedBy(server: TestServer, realm: Realm) {
  const { epoch } = await server.node.publish(allChannel(realm), '"first"');
  for (let n = 0; n < 10; n += 1) {
    await server.node.publish(allChannel(realm), JSON.stringify('x'.repeat(1_000)));
  }
  return { '@all': { recover: true, epoch, offset: 1 } };
}

async function recover(server: TestServer, token: string, subs: object) {
  const client = new RawClient(server.url);
  const { subs: replied = {} } = await client.connect(token, { subs });
  return { ...replied['@all'], at: performance.now() };
}

test('a tenant whose clients all come back at once makes them wait for one another, and nobody else', async () => {
  const server = await serve({
    limitsFor: (tenantId) =>
      tenantId === 'acme' ? { fanOutBytesPerSecond: 15_000, fanOutBurstBytes: 15_000 } : undefined,
  });
  const [ours, theirs] = [await missedBy(server, acme), await missedBy(server, globex)];
  const begun = performance.now();
  const crowd = Array.from({ length: 8 }, (_, n) => recover(server, `acme/user${n}`, ours));
  const other = await recover(server, 'globex/ada', theirs);
  const replies = await Promise.all(crowd);
  const recovered = replies.filter((reply) => reply.recovered);
  const told = replies.filter((reply) => !reply.recovered);
  // nobody gets a part: all that was missed, or word of a gap
  expect(recovered.map(({ publications }) => publications?.length)).toEqual(
    recovered.map(() => 10),
  );
  for (const { was_recovering, publications } of told) {
    expect([was_recovering, publications]).toEqual([true, undefined]);
  }
  expect(recovered.length).toBeGreaterThanOrEqual(3); // the burst, and a second or two of the rate
  expect(told.length).toBeGreaterThanOrEqual(1);
  expect(other.publications).toHaveLength(10);
  expect(other.at - begun).toBeLessThan(Math.max(...replies.map(({ at }) => at - begun)));
  expect(server.node.stats().limits.fanOutBytesPerSecond).toBeGreaterThan(0);
});

test('recoveries of a tenant go in the order of their asking, a small one does not overtake', async () => {
  const bucket = new TokenBucket(100_000, 1_000);
  const recoveries = new Recoveries({ bytes: () => bucket, patienceMs: 5_000 });
  expect(await recoveries.take(0)).toBe(true);
  expect(await recoveries.take(3_000)).toBe(true); // what cannot be cut up leaves a debt
  const order: string[] = [];
  const ask = async (name: string, bytes: number) => {
    expect(await recoveries.take(bytes)).toBe(true);
    order.push(name);
  };
  await Promise.all([ask('large', 9_000), ask('small', 1), ask('middle', 2_000)]);
  expect(order).toEqual(['large', 'small', 'middle']);
});

test('who waits longer than a recovery may gets nothing, and takes nothing', async () => {
  const bucket = new TokenBucket(1, 1);
  const recoveries = new Recoveries({ bytes: () => bucket, patienceMs: 20 });
  expect(await recoveries.take(10)).toBe(true);
  expect(await recoveries.take(10)).toBe(false);
});
