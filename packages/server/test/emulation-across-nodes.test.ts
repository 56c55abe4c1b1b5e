// Commands of clients on a stream that come to another node than the one that has the stream, as
// behind a balancer that sends each request wherever it likes.
import { expect, test } from 'vitest';
import { type ClusterServer, serveCluster } from './cluster-harness.ts';
import { acme, eventOf, roomChannel, userChannel } from './harness.ts';
import { type Answer, emulate, streaming } from './raw-stream.ts';

const rooms = { '*': { authorize: () => true, publish: 'members', payload: 'json' } } as const;
const rpc = { echo: (_principal: unknown, data: unknown) => data };
const echo = (id: number) => ({ id, rpc: { method: 'echo', data: id } });

/** A stream on the first node, and how its commands are posted to another. */
async function streamOn([first, second]: readonly ClusterServer[]) {
  const stream = await streaming(first, 'acme/ada');
  const key = await stream.connected();
  const post = async (...lines: unknown[]): Promise<Answer> => await emulate(second, key, ...lines);
  return { stream, key, post };
}

test('a command that comes to another node is carried out where the stream is, and answered on it', async () => {
  const servers = await serveCluster(2, { rooms, rpc });
  const { stream, post } = await streamOn(servers);
  expect(await post({ id: 2, subscribe: { channel: 'chat:1' } })).toMatchObject({
    status: 204,
    body: '',
  });
  expect(await stream.reply(2)).toHaveProperty('subscribe');
  await servers[1].node.publish(roomChannel('chat:1'), '"hello"');
  await stream.publication('hello');
  expect(servers.map(({ node }) => node.stats().httpConnections)).toEqual([1, 0]);
});

test('a stock client goes on when each of its requests comes to another node', async () => {
  const servers = await serveCluster(3, { rooms, rpc });
  const [first, second, third] = servers;
  const client = first.client(
    'acme/ada',
    { emulationEndpoint: `${second.httpUrl}/emulation` },
    { transport: 'http_stream' },
  );
  const room = client.newSubscription('chat:1');
  const got = eventOf<{ data: unknown }>(room, 'publication');
  room.subscribe();
  client.connect();
  await room.ready();
  await room.publish({ my: 'data' });
  expect((await got).data).toEqual({ my: 'data' });
  const said = eventOf<{ data: unknown }>(client, 'message');
  await third.node.users.message({ realm: acme, userId: 'ada' }, '1');
  expect((await said).data).toBe(1);
  expect((await client.rpc('echo', 2)).data).toBe(2);
});

test('what comes for one session to one node is carried out in its order', async () => {
  const received: unknown[] = [];
  const servers = await serveCluster(2, {
    onSend: (_principal, data) => void received.push(data),
    limits: { commandsPerSecond: 1_000, commandBurst: 1_000 },
  });
  const { post } = await streamOn(servers);
  const numbers = Array.from({ length: 100 }, (_, n) => n);
  // The first node that is asked for must be looked up: the rest must not overtake it.
  for (let n = 0; n < 100; n += 10) {
    const burst = await Promise.all(
      numbers.slice(n, n + 10).map((data) => post({ send: { data } })),
    );
    expect(new Set(burst.map(({ status }) => status))).toEqual(new Set([204]));
  }
  await expect.poll(() => received.length).toBe(100);
  const tens = (all: readonly unknown[]) => all.map((n) => Math.floor(Number(n) / 10));
  expect(tens(received)).toEqual(tens(numbers)); // ten are on their way at a time
});

test('neither another key nor another node will do: the answer is the same', async () => {
  const servers = await serveCluster(2);
  const { stream, key } = await streamOn(servers);
  const { session = '', node } = key;
  const tries = [
    { session, node: 'another' },
    { session, node: servers[1].node.id },
    { session: '', node },
    { session: `${session.slice(0, -1)}${session.endsWith('A') ? 'B' : 'A'}`, node },
    { session: '__proto__', node },
  ];
  for (const each of tries) {
    expect((await emulate(servers[1], each, echo(2))).status).toBe(404);
  }
  expect(stream.lines).toHaveLength(1);
  await stream.post({ id: 2, rpc: {} });
  expect(stream.closeCode).toBeNull();
});

test('a name that no node has is not looked for, and nobody’s text is logged whole', async () => {
  const servers = await serveCluster(2);
  const { key } = await streamOn(servers);
  let looks = 0;
  const presence = servers[1].broker.presence.bind(servers[1].broker);
  servers[1].broker.presence = async (channel) => {
    looks += 1;
    return await presence(channel);
  };
  const long = 'x'.repeat(30_000);
  const { session = '' } = key;
  for (const node of [long, '', 'a\nb', '../x']) {
    expect((await emulate(servers[1], { session, node }, echo(2))).status).toBe(404);
  }
  expect((await emulate(servers[1], { ...key, session: long }, echo(2))).status).toBe(404);
  expect(looks).toBe(0);
  const logged = JSON.stringify(servers.map(({ log, audit }) => [log.records, audit.records]));
  expect(logged).not.toContain(long.slice(0, 100));
});

test('a stream that has ended, or whose node has stopped, is not found', async () => {
  const servers = await serveCluster(2, { limits: { answerTimeoutMs: 500 } });
  const { stream, post } = await streamOn(servers);
  stream.request.destroy();
  await expect.poll(async () => (await post({})).status).toBe(404);
  const another = await streamOn(servers);
  await servers[0].node.stop();
  expect((await another.post({})).status).toBe(404);
});

test('a node that does not answer makes the client come back, until it counts as gone', async () => {
  const limits = {
    ...{ nodeIntervalMs: 100, nodeTtlMs: 1_500, orderTimeoutMs: 5_000 },
    answerTimeoutMs: 200,
  };
  const servers = await serveCluster(2, { limits });
  const { key, post } = await streamOn(servers);
  servers[0].broker.freeze();
  expect(await post(echo(2))).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  await expect.poll(async () => (await post(echo(3))).status, { timeout: 10_000 }).toBe(404);
  servers[0].broker.thaw();
  const logged = JSON.stringify(servers.map(({ log, audit }) => [log.records, audit.records]));
  expect(logged).toContain('answerTimeoutMs');
  expect(logged).not.toContain(key.session);
});

test('while the broker is away the client is told to come back', async () => {
  const servers = await serveCluster(2);
  const { post } = await streamOn(servers);
  servers[1].broker.cut();
  expect((await post(echo(2))).status).toBe(503);
  servers[1].broker.mend();
  expect((await post({})).status).toBe(204);
});

test('what one node takes the other takes, and no more', async () => {
  const servers = await serveCluster(2, { rpc });
  const { stream, post } = await streamOn(servers);
  const around = JSON.stringify({ id: 2, rpc: { method: 'echo', data: '' } }).length;
  const envelope = 200;
  const data = 'x'.repeat(65_536 - around - envelope);
  expect((await post({ id: 2, rpc: { method: 'echo', data } })).status).toBe(204);
  expect(await stream.reply(2)).toMatchObject({ rpc: { data } });
  expect((await post({ id: 3, rpc: { data: 'x'.repeat(65_536) } })).status).toBe(413);
  const large = { session: 'any', data: 'x'.repeat(65_537) };
  const asking = servers[1].node.cluster.ask(servers[0].node.id, 'emulate', large);
  await expect(asking).rejects.toMatchObject({ code: 'UNANSWERED' });
  expect(servers[0].node.stats().counts.clusterRefused).toBe(1);
});

test('whoever puts something for an emulated session into the broker needs its key, too', async () => {
  const servers = await serveCluster(2);
  const { stream } = await streamOn(servers);
  const asked = [null, 1, {}, { session: 1, data: '{}' }, { session: 'guess' }];
  for (const data of asked) {
    const asking = servers[1].node.cluster.ask(servers[0].node.id, 'emulate', data);
    await expect(asking).rejects.toMatchObject({ code: 'UNANSWERED' });
  }
  const guess = { session: 'guess', data: '{}' };
  expect(await servers[1].node.cluster.ask(servers[0].node.id, 'emulate', guess)).toBe(false);
  await servers[0].node.publish(userChannel('ada'), '1');
  await stream.publication(1);
  expect(stream.lines).toHaveLength(2);
});
