import type { StreamPosition } from '@trunkline/server';
import { expect, test } from 'vitest';
import { needs, ownRedisForTests } from '../../../../test/services/for-tests.ts';
import { keep, otherRoom, room } from './broker-suite.ts';
import { connect, startBroker, type TestBroker } from './redis-harness.ts';

const own = ownRedisForTests();
const PREFIX = 'test';
const meta = `${PREFIX}:{${room}}:meta`;
const stream = `${PREFIX}:{${room}}:stream`;

/** What a client that stands there would get: `null` is a gap signal. */
async function recover({ broker }: TestBroker, from: StreamPosition): Promise<string[] | null> {
  const { publications, top } = await broker.history(room, from.offset);
  if (top.epoch !== from.epoch || publications.length !== top.offset - from.offset) return null;
  return publications.map(({ data }) => data);
}

async function publish({ broker }: TestBroker, from: number, to: number): Promise<StreamPosition> {
  let position: StreamPosition = { epoch: '', offset: 0 };
  for (let n = from; n <= to; n += 1) position = await broker.publish(room, `${n}`, limits);
  return position;
}

const limits = keep({ size: 200 });

/** Publishes as soon as it is connected again. */
async function isBack(node: TestBroker): Promise<void> {
  await expect.poll(() => node.broker.stats().isConnected, { timeout: 10_000 }).toBe(true);
}

test('what is not lost is recovered', needs(own), async () => {
  const { url } = await own.start();
  const node = await startBroker({ connection: url, prefix: PREFIX });
  const position = await publish(node, 1, 100);
  await publish(node, 101, 105);
  expect(await recover(node, position)).toEqual(['101', '102', '103', '104', '105']);
});

test.each([
  { epochFence: 'strict' as const, recovered: null },
  // Without it a client misses the five lost ones, and is told that it has missed nothing.
  { epochFence: 'off' as const, recovered: ['206', '207', '208', '209', '210'] },
])(
  'after a rollback of Redis, with the fence $epochFence, a client gets $recovered',
  needs(own),
  async ({ epochFence, recovered }) => {
    const server = await own.start();
    const node = await startBroker({ connection: server.url, prefix: PREFIX, epochFence });
    await publish(node, 1, 100);
    const snapshot = await server.snapshot();
    const position = await publish(node, 101, 105); // the client has seen them
    await server.restore(snapshot);
    await isBack(node);
    await publish(node, 201, 210);
    expect(await recover(node, position)).toEqual(recovered);
  },
);

test.each([
  { epochFence: 'strict' as const, recovered: null },
  { epochFence: 'off' as const, recovered: ['206', '207', '208', '209', '210'] },
])(
  'after a split-brain failover, with the fence $epochFence, a client gets $recovered',
  needs(own),
  async ({ epochFence, recovered }) => {
    const [primary, replica] = [await own.start(), await own.start()];
    await replica.replicate(primary);
    const before = await startBroker({ connection: primary.url, prefix: PREFIX, epochFence });
    await publish(before, 1, 100);
    await primary.command('WAIT', 1, 5_000);
    await replica.promote();
    const position = await publish(before, 101, 105); // the old primary goes on
    await primary.kill9();
    const after = await startBroker({ connection: replica.url, prefix: PREFIX, epochFence });
    await publish(after, 201, 210);
    expect(await recover(after, position)).toEqual(recovered);
  },
);

test('a restart with nothing lost begins new lives all the same', needs(own), async () => {
  const server = await own.start({ appendOnly: true, config: { appendfsync: 'always' } });
  const node = await startBroker({ connection: server.url, prefix: PREFIX });
  const before = await publish(node, 1, 3);
  await server.kill9();
  await server.start();
  await isBack(node);
  const [top] = await node.broker.tops([room]);
  expect(top).toEqual({ epoch: expect.stringMatching(/^[A-Za-z]{8}$/), offset: 0 });
  expect(top?.epoch).not.toBe(before.epoch);
  expect((await node.broker.history(room, 0)).publications).toEqual([]);
  expect(await node.broker.publish(room, '"new"', keep())).toEqual({ ...top, offset: 1 });
});

test('an idempotency key of an earlier life does not count', needs(own), async () => {
  const server = await own.start();
  const { broker } = await startBroker({ connection: server.url, prefix: PREFIX });
  const once = { ...keep(), idempotencyKey: 'k' };
  const before = await broker.publish(room, '1', once);
  await server.command('HSET', meta, 'replid', 'of another history of data');
  const after = await broker.publish(room, '1', once);
  expect(after.epoch).not.toBe(before.epoch);
  expect(await broker.publish(room, '1', once)).toEqual(after);
  expect((await broker.history(room, 0)).publications).toHaveLength(1);
});

test.each([
  ['the meta is deleted', ['DEL', meta]],
  ['all is flushed', ['FLUSHALL']],
  ['the epoch is lost', ['HDEL', meta, 'epoch']],
  ['the top is no number', ['HSET', meta, 'top', 'x']],
  ['the top is smaller than it was', ['HSET', meta, 'top', '2']],
])('when %s, a new life begins', needs(own), async (_case, [name = '', ...args]) => {
  const server = await own.start();
  const node = await startBroker({ connection: server.url, prefix: PREFIX });
  const before = await publish(node, 1, 5);
  await server.command(name, ...args);
  const after = await node.broker.publish(room, '"new"', keep());
  expect(after).toEqual({ epoch: expect.stringMatching(/^[A-Za-z]{8}$/), offset: 1 });
  expect(after.epoch).not.toBe(before.epoch);
  const { publications } = await node.broker.history(room, 0);
  expect(publications).toEqual([{ data: '"new"', offset: 1 }]);
});

test(
  'when the meta is deleted, a reader finds nothing of the earlier life',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({ connection: server.url, prefix: PREFIX });
    await publish(node, 1, 5);
    await server.command('DEL', meta);
    expect(await node.broker.history(room, 0)).toMatchObject({
      publications: [],
      top: { offset: 0 },
    });
    expect(await server.command('EXISTS', stream)).toBe(0);
  },
);

test(
  'when the stream alone is deleted, its life goes on, and what was missed is missing',
  needs(own),
  async () => {
    const server = await own.start();
    const node = await startBroker({ connection: server.url, prefix: PREFIX });
    const position = await publish(node, 1, 5);
    await server.command('DEL', stream);
    expect(await recover(node, { ...position, offset: 3 })).toBeNull();
    expect(await publish(node, 6, 6)).toEqual({ ...position, offset: 6 });
    expect(await recover(node, position)).toEqual(['6']);
  },
);

test('a history never has a hole, whoever has made one', needs(own), async () => {
  const server = await own.start();
  const node = await startBroker({ connection: server.url, prefix: PREFIX });
  await publish(node, 1, 5);
  await server.command('XDEL', stream, '3-0');
  const { publications } = await node.broker.history(room, 0);
  expect(publications.map(({ offset }) => offset)).toEqual([4, 5]);
  await server.command('XDEL', stream, '5-0');
  expect((await node.broker.history(room, 0)).publications).toEqual([]);
});

test('what is evicted is no silent loss', { ...needs(own), timeout: 60_000 }, async () => {
  const config = { maxmemory: '3mb', 'maxmemory-policy': 'allkeys-lru' };
  const server = await own.start({ config });
  const node = await startBroker({ connection: server.url, prefix: PREFIX });
  const contents = new Map<string, string>();
  const data = (n: number) => JSON.stringify(`${n} ${'x'.repeat(1_000)}`);
  for (let n = 0; n < 6_000; n += 1) {
    const channel = `t.acme:c:room:${n % 300}`;
    const { epoch, offset } = await node.broker.publish(channel, data(n), keep());
    const position = `${channel} ${epoch} ${offset}`;
    expect(contents.has(position)).toBe(false); // a position means one content for ever
    contents.set(position, data(n));
  }
  expect(await server.info('stats')).toMatch(/evicted_keys:[1-9]/);
  for (let n = 0; n < 300; n += 1) {
    const channel = `t.acme:c:room:${n}`;
    const { publications, top } = await node.broker.history(channel, 0);
    for (const publication of publications) {
      const position = `${channel} ${top.epoch} ${publication.offset}`;
      expect(publication.data).toBe(contents.get(position));
    }
  }
});

test('a key of somebody else is refused and left alone', needs(own), async () => {
  const server = await own.start();
  const { broker } = await startBroker({ connection: server.url, prefix: PREFIX });
  await server.command('SET', meta, 'precious');
  const refused = { name: 'BrokerUnavailableError', message: expect.stringContaining('WRONGTYPE') };
  await expect(broker.publish(room, '1', keep())).rejects.toMatchObject(refused);
  await expect(broker.history(room, 0)).rejects.toMatchObject(refused);
  await expect(broker.tops([room])).rejects.toMatchObject(refused);
  // It is no reason not to know where the others stand.
  const other = await broker.publish(otherRoom, '1', keep());
  expect(await broker.tops([room, otherRoom])).toEqual([null, other]);
  expect(await server.command('GET', meta)).toBe('precious');

  await server.command('DEL', meta);
  await server.command('SET', stream, 'precious');
  await expect(broker.publish(room, '1', keep())).rejects.toMatchObject(refused);
  await server.command('DEL', stream);
  const { epoch } = await broker.publish(room, '1', keep());
  await server.command('DEL', stream);
  await server.command('SET', stream, 'precious');
  await expect(broker.publish(room, '2', keep())).rejects.toMatchObject(refused);
  await expect(broker.publish(room, '"large"', keep({ maxBytes: 1 }))).rejects.toMatchObject(
    refused,
  );
  expect(await server.command('GET', stream)).toBe('precious');

  await server.command('DEL', stream);
  expect(await broker.publish(room, '2', keep())).toEqual({ epoch, offset: 2 });
});

test(
  'a Redis that is full refuses what is new, and nothing of it is done',
  needs(own),
  async () => {
    const server = await own.start();
    const { broker, announced } = await startBroker({ connection: server.url, prefix: PREFIX });
    await broker.subscribe(room);
    const { epoch } = await broker.publish(room, '1', keep());
    await server.configure('maxmemory', '1');
    const refused = {
      name: 'BrokerUnavailableError',
      message: expect.stringContaining('maxmemory'),
    };
    for (const options of [keep(), keep({ maxBytes: 1 }), { ...keep(), idempotencyKey: 'k' }]) {
      await expect(broker.publish(room, '"full"', options)).rejects.toMatchObject(refused);
      await expect(broker.publish(otherRoom, '"full"', options)).rejects.toMatchObject(refused);
    }
    const unkept = { history: null, idempotencyKey: 'k' };
    await expect(broker.publish(room, '"full"', unkept)).rejects.toMatchObject(refused);
    expect((await broker.history(room, 0)).top).toEqual({ epoch, offset: 1 }); // still read
    await server.configure('maxmemory', '0');
    expect(await broker.publish(room, '2', keep())).toEqual({ epoch, offset: 2 });
    expect(await announced.of(room, 2)).toEqual(['1', '2']);
    expect((await broker.history(otherRoom, 0)).top.offset).toBe(0);
  },
);

test(
  'scripts that are flushed are loaded again, and calls keep their order',
  needs(own),
  async () => {
    const server = await own.start();
    const { broker, announced } = await startBroker({ connection: server.url, prefix: PREFIX });
    await broker.subscribe(room);
    const admin = connect(server.url);
    const published: string[] = [];
    const outcomes = new Set<string>();
    for (let round = 0; round < 20; round += 1) {
      const flushed = admin.script('FLUSH');
      await Promise.all(
        Array.from({ length: 50 }, async (_, n) => {
          const data = `"${round}:${n}"`;
          try {
            const { offset } = await broker.publish(
              room,
              data,
              keep({ size: 2_000, maxBytes: 1e6 }),
            );
            published[offset] = data;
          } catch (error) {
            outcomes.add((error as Error).name);
          }
        }),
      );
      await flushed;
    }
    expect([...outcomes]).toEqual(['BrokerUnavailableError']); // it did happen
    await expect
      .poll(() =>
        broker.publish(room, '"last"', limits).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const heard = await announced.of(room, published.length);
    expect(heard).toEqual([...published.slice(1), '"last"']);
    const turns = heard.slice(0, -1).map((data) => JSON.parse(data).split(':').map(Number));
    expect(turns).toEqual(turns.toSorted(([a, b], [c, d]) => a - c || b - d));
  },
);
