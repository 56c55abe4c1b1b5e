import { AsyncLocalStorage } from 'node:async_hooks';
import { BrokerUnavailableError, PublishTimeoutError } from '@trunkline/server';
import { expect, onTestFinished, test } from 'vitest';
import { needs, ownRedisForTests } from '../../../../test/services/for-tests.ts';
import { keep, otherRoom, room } from './broker-suite.ts';
import { connect, startBroker, type TestBroker } from './redis-harness.ts';

const own = ownRedisForTests();
const PREFIX = 'test';
const TIMEOUT_MS = 500;
/** Promise P8: full service so many milliseconds after Redis is back. */
const BACK_MS = 5_000;

const limits = keep({ size: 10_000, maxBytes: 1_000_000 });

/** Publishes all of it at once; says what became of each, and how long the longest took. */
async function publishAll({ broker }: TestBroker, names: readonly string[]) {
  const begin = performance.now();
  const outcomes = await Promise.all(
    names.map(async (data) => {
      try {
        await broker.publish(room, data, limits);
        return 'stored';
      } catch (error) {
        if (error instanceof BrokerUnavailableError) return 'refused';
        if (error instanceof PublishTimeoutError) return 'unknown';
        throw error;
      }
    }),
  );
  const of = (outcome: string) => names.filter((_, n) => outcomes[n] === outcome);
  return {
    stored: of('stored'),
    refused: of('refused'),
    unknown: of('unknown'),
    ms: performance.now() - begin,
  };
}

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `"${prefix}${n}"`);

async function kept({ broker }: TestBroker): Promise<string[]> {
  return (await broker.history(room, 0)).publications.map(({ data }) => data);
}

/** Resolves when a publication is stored again, with the milliseconds that it took. */
async function isBack({ broker }: TestBroker): Promise<number> {
  const begin = performance.now();
  const publish = () =>
    broker.publish(room, '"back"', limits).then(
      () => true,
      () => false,
    );
  await expect.poll(publish, { timeout: 10_000, interval: 20 }).toBe(true);
  return performance.now() - begin;
}

test(
  'while Redis is frozen nothing is acknowledged, and nobody waits for long',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({
      connection: server.url,
      prefix: PREFIX,
      commandTimeoutMs: TIMEOUT_MS,
    });
    await node.broker.subscribe(room);
    server.pause();
    const first = await publishAll(node, names('first', 100));
    expect(first.unknown).toHaveLength(100);
    expect(first.ms).toBeLessThan(TIMEOUT_MS + 1_000);
    const second = await publishAll(node, names('second', 100));
    expect(second.refused).toHaveLength(100);
    expect(second.ms).toBeLessThan(TIMEOUT_MS / 2);
    await expect(node.broker.history(room, 0)).rejects.toThrow('Redis has not answered for');
    expect(node.broker.stats().lateAnswers).toBeGreaterThanOrEqual(100);

    server.resume();
    expect(await isBack(node)).toBeLessThan(BACK_MS);
    const all = await kept(node);
    expect(all.at(-1)).toBe('"back"');
    expect(all.filter((data) => data.startsWith('"second'))).toEqual([]);
  },
);

test('a freeze that is longer than a dead connection ends in a new one', needs(own), async () => {
  const server = await own.start();
  const node = await startBroker({
    connection: server.url,
    prefix: PREFIX,
    commandTimeoutMs: TIMEOUT_MS,
  });
  await node.broker.subscribe(room);
  server.pause();
  await expect
    .poll(() => node.broker.stats().connectionsLost, { timeout: 10_000 })
    .toBeGreaterThanOrEqual(2);
  const during = await publishAll(node, names('during', 50));
  expect(during.refused).toHaveLength(50);
  server.resume();
  expect(await isBack(node)).toBeLessThan(BACK_MS);
  await node.announced.until(() => node.announced.resumed > 0);
  await node.broker.publish(room, '"heard"', limits);
  await node.announced.until(() => node.announced.data(room).includes('"heard"'));
});

test('when Redis is killed and starts again, all is as before', needs(own), async () => {
  const server = await own.start({ appendOnly: true, config: { appendfsync: 'always' } });
  const node = await startBroker({ connection: server.url, prefix: PREFIX, epochFence: 'off' });
  const other = await startBroker({ connection: server.url, prefix: PREFIX, epochFence: 'off' });
  await Promise.all([room, otherRoom].map((channel) => node.broker.subscribe(channel)));
  const before = await publishAll(node, names('before', 20));
  expect(before.stored).toHaveLength(20);
  const dying = publishAll(node, names('dying', 200));
  await server.kill9();
  const { stored, unknown, refused } = await dying;
  expect(stored.length + unknown.length + refused.length).toBe(200);
  const down = await publishAll(node, names('down', 100));
  expect(down.refused).toHaveLength(100);
  expect(down.ms).toBeLessThan(500);
  expect(node.broker.stats().isConnected).toBe(false);

  await server.start();
  expect(await isBack(node)).toBeLessThan(BACK_MS);
  await node.announced.until(() => node.announced.resumed > 0);
  expect(node.announced.resumed).toBe(1);
  expect(await isBack(other)).toBeLessThan(BACK_MS);
  await other.broker.publish(otherRoom, '"heard"', limits);
  expect(await node.announced.of(otherRoom, 1)).toEqual(['"heard"']);
  const all = await kept(node);
  expect(all).toEqual(expect.arrayContaining([...before.stored, ...stored]));
  expect(all.filter((data) => data.startsWith('"down') || refused.includes(data))).toEqual([]);
  expect(new Set(all.slice(0, -2)).size).toBe(all.length - 2); // none of it was sent twice
  const messages = node.log.records.map(({ message }) => message);
  expect(messages).toContain('redis_connection_lost');
  expect(messages).toContain('redis_connected_again');
});

test('no more waits than is allowed', needs(own), async () => {
  const server = await own.start();
  const options = { connection: server.url, prefix: PREFIX, commandTimeoutMs: TIMEOUT_MS };
  const few = await startBroker({ ...options, maxInFlight: 10 });
  const small = await startBroker({ ...options, maxInFlightBytes: 10_000 });
  server.pause();
  const publishing = publishAll(few, names('n', 100));
  expect(few.broker.stats().inFlight).toBe(10);
  const count = await publishing;
  expect(count.unknown).toHaveLength(10);
  expect(count.refused).toHaveLength(90);
  const bytes = await publishAll(small, names('x'.repeat(1_000), 100));
  expect(bytes.unknown.length).toBeGreaterThan(0);
  expect(bytes.unknown.length).toBeLessThan(10);
  server.resume();
  await isBack(few);
  await expect.poll(() => few.broker.stats().inFlight).toBe(0);
});

test(
  'while writes are paused nothing is acknowledged; afterwards all is well',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({
      connection: server.url,
      prefix: PREFIX,
      commandTimeoutMs: TIMEOUT_MS,
    });
    await node.broker.publish(room, '"before"', limits);
    await server.pauseClients(2_000, 'WRITE');
    const first = await publishAll(node, names('first', 10));
    expect(first.unknown).toHaveLength(10);
    expect((await publishAll(node, names('second', 10))).stored).toEqual([]);
    expect(await isBack(node)).toBeLessThan(2_000 + BACK_MS);
  },
);

test(
  'a subscribe during an outage is refused in time, and leaves nothing behind',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({
      connection: server.url,
      prefix: PREFIX,
      commandTimeoutMs: TIMEOUT_MS,
    });
    await node.broker.subscribe(otherRoom);
    await server.kill9();
    await expect.poll(() => node.broker.stats().isConnected).toBe(false);
    const begin = performance.now();
    await expect(node.broker.subscribe(room)).rejects.toThrow(BrokerUnavailableError);
    expect(performance.now() - begin).toBeLessThan(TIMEOUT_MS + 1_000);
    await node.broker.unsubscribe(otherRoom); // resolves, though nobody can be told
    await server.start();
    await isBack(node);
    await expect.poll(() => node.broker.stats().isConnected).toBe(true);
    expect(await connect(server.url).pubsub('CHANNELS')).toEqual([]);
  },
);

test(
  'a subscribe during a short interruption is made as soon as it is over',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({ connection: server.url, prefix: PREFIX });
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect.poll(() => node.broker.stats().connectionsLost).toBeGreaterThan(0);
    await node.broker.subscribe(room);
    await isBack(node);
    expect(await node.announced.of(room, 1)).toEqual(['"back"']);
  },
);

test(
  'whoever loses only its announcements is told when they are back, each time',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({ connection: server.url, prefix: PREFIX });
    await node.broker.subscribe(room);
    for (let times = 1; times <= 5; times += 1) {
      expect(await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBe(1);
      await node.broker.publish(room, '"perhaps lost"', keep());
      await node.announced.until(() => node.announced.resumed === times);
      await node.broker.publish(room, `"${times}"`, keep());
      await node.announced.until(() => node.announced.data(room).includes(`"${times}"`));
    }
    expect((await node.broker.history(room, 0)).top.offset).toBe(10);
  },
);

test('a stall of this process is not the fault of Redis', needs(own), async () => {
  const server = await own.start();
  const node = await startBroker({
    connection: server.url,
    prefix: PREFIX,
    commandTimeoutMs: TIMEOUT_MS,
  });
  for (let times = 0; times < 3; times += 1) {
    const publishing = publishAll(node, names(`${times}:`, 10));
    const subscribing = node.broker.subscribe(`${times}`);
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate); // now Redis is asked
    const end = performance.now() + TIMEOUT_MS * 3;
    while (performance.now() < end);
    expect((await publishing).stored).toHaveLength(10);
    await subscribing;
  }
  expect(node.broker.stats()).toMatchObject({ connectionsLost: 0, lateAnswers: 0 });
});

test('a stop settles what is on its way, and leaves no connection', needs(own), async () => {
  const server = await own.start();
  const node = await startBroker({ connection: server.url, prefix: PREFIX });
  const publishing = publishAll(node, names('last', 500));
  await node.broker.stop();
  expect((await publishing).stored).toHaveLength(500);
  await expect(node.broker.publish(room, '1', keep())).rejects.toThrow('the broker is stopped');
  await expect(node.broker.subscribe(room)).rejects.toThrow(BrokerUnavailableError);
  const clients = String(await connect(server.url).client('LIST'));
  expect(clients.trim().split('\n')).toHaveLength(1);
});

test('a stop during an outage does not take long', needs(own), async () => {
  const server = await own.start();
  const node = await startBroker({
    connection: server.url,
    prefix: PREFIX,
    commandTimeoutMs: TIMEOUT_MS,
  });
  server.pause();
  const publishing = publishAll(node, names('last', 10));
  const begin = performance.now();
  await node.broker.stop();
  expect(performance.now() - begin).toBeLessThan(TIMEOUT_MS + 1_000);
  expect((await publishing).unknown).toHaveLength(10);
});

test('nothing that Redis says later is said in the name of who had asked', needs(own), async () => {
  const server = await own.start();
  const tenant = new AsyncLocalStorage<string>();
  const node = await startBroker({
    connection: server.url,
    prefix: PREFIX,
    commandTimeoutMs: TIMEOUT_MS,
  });
  const heardAs: (string | undefined)[] = [];
  const { onPublication, onResumed } = node.announced;
  Object.assign(node.announced, {
    onPublication: (...args: Parameters<typeof onPublication>) => {
      heardAs.push(tenant.getStore());
      onPublication(...args);
    },
    onResumed: () => {
      heardAs.push(tenant.getStore());
      onResumed();
    },
  });
  await tenant.run('acme', async () => {
    await node.broker.subscribe(room);
    await node.broker.publish(room, '1', keep());
    await node.announced.of(room, 1);
    expect(tenant.getStore()).toBe('acme');
    server.pause();
    await expect(node.broker.publish(room, '2', keep())).rejects.toThrow(PublishTimeoutError);
    // Both connections are cut because of what this tenant has asked, and made anew.
    await expect
      .poll(() => node.broker.stats().connectionsLost, { timeout: 10_000 })
      .toBeGreaterThanOrEqual(2);
    server.resume();
    await isBack(node);
    await node.announced.until(() => node.announced.resumed > 0);
    await node.broker.publish(room, '3', keep());
    await node.announced.until(() => node.announced.data(room).includes('3'));
  });
  expect(heardAs.length).toBeGreaterThanOrEqual(3);
  expect(new Set(heardAs)).toEqual(new Set([undefined]));
  onTestFinished(() => tenant.disable());
});
