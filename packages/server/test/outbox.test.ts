import type { Subscription } from 'centrifuge';
import { expect, onTestFinished, test } from 'vitest';
import {
  allChannel,
  connected,
  eventOf,
  RawClient,
  serve,
  userChannel,
  watchSessions,
} from './harness.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('lines that are written in one turn are one frame', async () => {
  const server = await serve();
  const client = await connected(server, 'acme/ada');
  for (const data of ['1', '2', '3']) void server.node.publish(userChannel('ada'), data);
  await client.publication(3);
  void server.node.publish(userChannel('ada'), '4');
  await client.publication(4);
  expect(client.frames.slice(1).map((frame) => frame.split('\n').length)).toEqual([3, 1]);
});

test('a queue that is smaller than a turn may write is not overrun by one turn', async () => {
  const server = await serve({ limits: { maxQueuedBytes: 8_192, maxRecoveryBytes: 2_048 } });
  const client = await connected(server, 'acme/ada');
  for (let n = 0; n < 6; n += 1) {
    void server.node.publish(userChannel('ada'), JSON.stringify('x'.repeat(2_000)));
  }
  expect(await client.closed()).toBe(3008);
});

test('what was written before a close is sent before it', async () => {
  const { sessions, createSession } = watchSessions();
  const server = await serve({}, { createSession });
  const client = await connected(server, 'acme/ada');
  void server.node.publish(userChannel('ada'), '"last words"');
  sessions[0]?.receive('garbage');
  expect(await client.closed()).toBe(3501);
  expect(client.pushed).toEqual(['last words']);
});

test('a reader that never reads is told 3008 and terminated in about a second, others notice nothing', async () => {
  const { sessions, closes, createSession } = watchSessions();
  const limits = { maxQueuedBytes: 256 * 1024, maxRecoveryBytes: 128 * 1024 };
  const server = await serve({ limits }, { createSession });
  const slow = await connected(server, 'acme/ada');
  const healthy = await connected(server, 'acme/bob');
  slow.socket.pause();
  let published = 0;
  while (closes.length === 0 && published < 1_000) {
    published += 1;
    await server.node.publish(allChannel(), `{"n":${published},"text":"${'x'.repeat(60_000)}"}`);
    await healthy.line(({ push }) => (push?.pub?.data as { n?: number })?.n === published);
    healthy.frames.length = 0;
  }
  expect(closes.map(({ code }) => code)).toEqual([3008]);
  expect(server.node.stats().connections).toBe(2);
  while (server.node.stats().connections > 1) await turn();
  const lingered = performance.now() - (closes[0]?.at ?? 0);
  expect(lingered).toBeGreaterThan(900);
  expect(lingered).toBeLessThan(2_000);
  await server.node.publish(allChannel(), '"still here"');
  await healthy.publication('still here');
  expect(healthy.closeCode).toBeNull();
  expect(sessions).toHaveLength(2);
});

test('a stock client that was too slow comes back and has everything', async () => {
  const limits = { maxQueuedBytes: 64 * 1024, maxRecoveryBytes: 32 * 1024 };
  const server = await serve({ limits });
  const client = server.client('acme/ada');
  const received: number[] = [];
  const emitter = client as unknown as Subscription;
  emitter.on('publication', ({ data }: { data: { n: number } }) => received.push(data.n));
  client.connect();
  await client.ready();
  const away = eventOf<{ code: number }>(client, 'connecting');
  // More in one turn than may wait; what is kept of it fits into one reply.
  for (let n = 1; n <= 20; n += 1) {
    void server.node.publish(
      userChannel('ada'),
      `{"n":${n},"text":"${'x'.repeat(n < 19 ? 4_000 : 1_000)}"}`,
    );
  }
  expect(await away).toMatchObject({ code: 3008 });
  const back = await eventOf<{ channel: string; recovered: boolean }>(
    client,
    'subscribed',
    ({ channel }) => channel === '@user',
  );
  expect(back.recovered).toBe(false); // 20 of them are more than a reply may carry: said, not hidden
  await server.node.publish(userChannel('ada'), '{"n":21}');
  await eventOf<{ data: { n: number } }>(client, 'publication');
  expect(received).toEqual([21]);
});

test('the memory of what waited is released with the session', async () => {
  const limits = { maxQueuedBytes: 1024 * 1024 };
  const server = await serve({ limits });
  const client = new RawClient(server.url);
  await client.connect('acme/ada');
  client.socket.pause();
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 60; n += 1) {
    await server.node.publish(allChannel(), `"${'x'.repeat(100_000)}"`);
    await turn();
  }
  while (server.node.stats().connections > 0) await turn();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
});

test('a reader that has stopped reading is found, however much it goes on to say', async () => {
  const { closes, createSession } = watchSessions();
  const limits = { writeStallMs: 300, maxQueuedBytes: 64 * 1024 * 1024 };
  const server = await serve({ limits, onSend: () => {} }, { createSession });
  const client = await connected(server, 'acme/ada');
  client.socket.pause();
  const talking = setInterval(() => client.send({ send: { data: 1 } }), 50);
  onTestFinished(() => clearInterval(talking));
  // more than the kernel takes for somebody who does not read
  const large = JSON.stringify('x'.repeat(900_000));
  for (let n = 0; n < 18; n += 1) await server.node.publish(userChannel('ada'), large);
  while (server.node.stats().connections > 0) await turn();
  expect(closes.map(({ code }) => code)).toEqual([3008]);
  expect(server.node.stats().limits).toMatchObject({ writeStallMs: 1, maxQueuedBytes: 0 });
});
