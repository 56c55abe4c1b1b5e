import { NotDurableError } from '@trunkline/server';
import { expect, test } from 'vitest';
import { needs, ownRedisForTests } from '../../../../test/services/for-tests.ts';
import { keep, room } from './broker-suite.ts';
import { connect, startBroker } from './redis-harness.ts';

const own = ownRedisForTests();
const durable = { ...keep({ size: 1_000 }), replicas: 1 };

async function startPair() {
  const [primary, replica] = [await own.start(), await own.start()];
  await replica.replicate(primary);
  // Having said that it is in step, a replica may take a second until it confirms the first time.
  const writer = connect(primary.url);
  await writer.set('first', '');
  expect(await writer.wait(1, 10_000)).toBe(1);
  await writer.quit();
  return { primary, replica };
}

test('what is durable is on the replica when it is acknowledged', needs(own), async () => {
  const { primary, replica } = await startPair();
  const { broker, prefix } = await startBroker({ connection: primary.url });
  const positions = await Promise.all(
    Array.from({ length: 200 }, (_, n) => broker.publish(room, `${n}`, durable)),
  );
  expect(positions.map(({ offset }) => offset)).toEqual(positions.map((_, n) => n + 1));
  expect(await replica.command('XLEN', `${prefix}:{${room}}:stream`)).toBe(200);
  const [, waits] = /cmdstat_wait:calls=(\d+)/.exec(await primary.info('commandstats')) ?? [];
  expect(Number(waits)).toBeLessThan(20); // all that wait are asked about together
});

test(
  'a flush of the scripts, or a cut connection, is over with the next one',
  needs(own),
  async () => {
    const { primary } = await startPair();
    const { broker } = await startBroker({ connection: primary.url });
    await broker.publish(room, '1', durable);
    for (const [name = '', ...args] of [
      ['SCRIPT', 'FLUSH'],
      ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
    ]) {
      await primary.command(name, ...args);
      await expect
        .poll(
          () =>
            broker.publish(room, '2', durable).then(
              () => true,
              () => false,
            ),
          { timeout: 5_000 },
        )
        .toBe(true);
    }
  },
);

test(
  'with fewer replicas than asked for it is not durable, but published',
  needs(own),
  async () => {
    const { primary, replica } = await startPair();
    const { broker } = await startBroker({ connection: primary.url, commandTimeoutMs: 500 });
    const begin = performance.now();
    await expect(broker.publish(room, '1', { ...durable, replicas: 2 })).rejects.toThrow(
      NotDurableError,
    );
    replica.pause();
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        await expect(broker.publish(room, `${n}`, durable)).rejects.toThrow(NotDurableError);
      }),
    );
    expect(performance.now() - begin).toBeLessThan(3_000);
    expect((await broker.history(room, null)).top.offset).toBe(21);
    replica.resume();
    await expect
      .poll(() =>
        broker.publish(room, '1', durable).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  },
);

test('who asks for more replicas than there are holds up nobody else', needs(own), async () => {
  const { primary } = await startPair();
  const { broker } = await startBroker({ connection: primary.url, commandTimeoutMs: 3_000 });
  let isOver = false;
  const tooMany = Array.from({ length: 3 }, (_, n) =>
    broker.publish(room, '1', { ...durable, replicas: 2 + n }).catch((error: unknown) => {
      isOver = true;
      return error;
    }),
  );
  await Promise.all(Array.from({ length: 20 }, () => broker.publish(room, '2', durable)));
  await broker.publish(room, '3', durable);
  expect(isOver).toBe(false);
  for (const error of await Promise.all(tooMany)) {
    expect(error).toBeInstanceOf(NotDurableError);
    expect(error).toMatchObject({ isPublished: true });
  }
});

test('a stop before the replicas were first asked leaves no connection', needs(own), async () => {
  const { primary } = await startPair();
  const { broker } = await startBroker({ connection: primary.url });
  const publishing = broker.publish(room, '1', durable).catch(() => {});
  await broker.stop();
  await publishing;
  const left = String(await primary.command('CLIENT', 'LIST', 'TYPE', 'normal'));
  expect(left.trim().split('\n')).toHaveLength(1);
});

test('a Redis that has another history of data by now confirms nothing', needs(own), async () => {
  const primary = await own.start({ config: { 'enable-debug-command': 'yes' } });
  const replica = await own.start();
  await replica.replicate(primary);
  const { broker } = await startBroker({ connection: primary.url, commandTimeoutMs: 20_000 });
  await broker.publish(room, '1', durable);
  replica.pause();
  const first = broker.publish(room, '2', durable);
  await expect.poll(async () => (await broker.history(room, null)).top.offset).toBe(2);
  // It is asked about when the first one has been, and by then the Redis is another.
  const second = broker.publish(room, '3', durable).catch((error: Error) => error.message);
  await expect.poll(async () => (await broker.history(room, null)).top.offset).toBe(3);
  await primary.command('DEBUG', 'CHANGE-REPL-ID');
  replica.resume();
  await first;
  expect(await second).toMatch('has failed over');
});

test.each([
  ['the fence is off', { epochFence: 'off' as const }, durable],
  ['nothing is kept', {}, { history: null, replicas: 1 }],
])('where %s, nothing durable is published', needs(own), async (_case, options, publish) => {
  const server = await own.start();
  const { broker } = await startBroker({ connection: server.url, ...options });
  const publishing = broker.publish(room, '1', publish);
  await expect(publishing).rejects.toThrow(/^Not published: replicas: 1/);
  await expect(publishing).rejects.toMatchObject({ isPublished: false });
  expect((await broker.history(room, null)).top.offset).toBe(0);
});
