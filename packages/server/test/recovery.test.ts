import type { Channel } from '@trunkline/contract';
import type { Limits, StreamPosition } from '@trunkline/server';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  connected,
  RawClient,
  roomChannel,
  serve,
  type TestServer,
  userChannel,
  type WireSubscription,
} from './harness.ts';

const rooms = { '*': { authorize: () => true } };
const five = { size: 5, ttlMs: 60_000, maxBytes: 10_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

type Position = { offset?: number; epoch?: string };
interface Side {
  readonly channel: Channel;
  readonly ask: (server: TestServer, position: Position) => Promise<WireSubscription | undefined>;
}

const sides: Record<string, Side> = {
  'client-side': {
    channel: roomChannel('chat:1'),
    ask: async (server, position) => {
      const client = await connected(server, 'acme/ada');
      const request = { channel: 'chat:1', recover: true, ...position };
      return (await client.ask(2, { subscribe: request })).subscribe;
    },
  },
  'server-side': {
    channel: userChannel('ada'),
    ask: async (server, position) => {
      const subs = { '@user': { recover: true, ...position } };
      return (await new RawClient(server.url).connect('acme/ada', { subs })).subs?.['@user'];
    },
  },
};

const established = { recoverable: true, positioned: true };

describe.each(Object.entries(sides))('a %s subscription', (_name, { channel, ask }) => {
  /** A server on which that many were published, and where the channel stands. */
  async function after(count: number, limits: Partial<Limits> = {}) {
    const server = await serve({ rooms, limits: { history: five, userHistory: five, ...limits } });
    let top: StreamPosition = { epoch: '', offset: 0 };
    for (let n = 1; n <= count; n += 1) top = await server.node.publish(channel, `${n}`);
    return { server, top };
  }

  const recovered = ({ epoch }: StreamPosition, from: number, offsets: number[]) => ({
    ...established,
    epoch,
    ...(from > 0 ? { offset: from } : {}),
    was_recovering: true,
    recovered: true,
    ...(offsets.length > 0 ? { publications: offsets.map((n) => ({ data: n, offset: n })) } : {}),
  });
  const lost = ({ epoch, offset }: StreamPosition) => ({
    ...established,
    epoch,
    offset,
    was_recovering: true,
  });

  test.each([
    ['at the top: nothing to recover', 5, 5, []],
    ['one behind', 5, 4, [5]],
    ['from the very beginning, exactly the size', 5, 0, [1, 2, 3, 4, 5]],
    ['the oldest position that is still whole', 9, 4, [5, 6, 7, 8, 9]],
  ])('%s', async (_row, count, from, offsets) => {
    const { server, top } = await after(count);
    const answer = await ask(server, { offset: from, epoch: top.epoch });
    expect(answer).toEqual(recovered(top, from, offsets));
  });

  test.each<[string, number, (top: StreamPosition) => Position]>([
    ['one more was trimmed by size', 9, ({ epoch }) => ({ offset: 3, epoch })],
    ['much was trimmed by size', 9, ({ epoch }) => ({ offset: 0, epoch })],
    ['another epoch', 5, () => ({ offset: 4, epoch: 'someElse' })],
    ['another epoch at the same offset', 5, () => ({ offset: 5, epoch: 'someElse' })],
    ['an offset beyond the top', 5, ({ epoch }) => ({ offset: 6, epoch })],
    ['no epoch and trimmed', 9, () => ({})],
  ])('%s: not recovered, from the top on', async (_row, count, position) => {
    const { server, top } = await after(count);
    expect(await ask(server, position(top))).toEqual(lost(top));
  });

  test('no epoch accepts any', async () => {
    const { server, top } = await after(5);
    expect(await ask(server, { offset: 3 })).toEqual(recovered(top, 3, [4, 5]));
  });

  test('trimmed by bytes: not recovered; exactly at the limit: recovered', async () => {
    const history = { size: 100, ttlMs: 60_000, maxBytes: 3 };
    const { server, top } = await after(4, { history, userHistory: history });
    expect(await ask(server, { offset: 0, epoch: top.epoch })).toEqual(lost(top));
    expect(await ask(server, { offset: 1, epoch: top.epoch })).toEqual(
      recovered(top, 1, [2, 3, 4]),
    );
  });

  test('dropped by age: recovered only at the top', async () => {
    const { server, top } = await after(5);
    const real = performance.now.bind(performance);
    const jump = vi.spyOn(performance, 'now').mockImplementation(() => real() + 59_000);
    expect(await ask(server, { offset: 4, epoch: top.epoch })).toEqual(recovered(top, 4, [5]));
    jump.mockImplementation(() => real() + 61_000);
    expect(await ask(server, { offset: 4, epoch: top.epoch })).toEqual(lost(top));
    expect(await ask(server, { offset: 5, epoch: top.epoch })).toEqual(recovered(top, 5, []));
  });

  test('a reply over its byte budget is not recovered, one exactly within is', async () => {
    const bytes = 4 * '{"data":1,"offset":1},'.length;
    const { server, top } = await after(5, { maxRecoveryBytes: bytes });
    expect(await ask(server, { offset: 0, epoch: top.epoch })).toEqual(lost(top));
    expect(await ask(server, { offset: 1, epoch: top.epoch })).toEqual(
      recovered(top, 1, [2, 3, 4, 5]),
    );
  });

  test('what comes after the reply follows it without a hole', async () => {
    const { server, top } = await after(5);
    const client = new RawClient(server.url);
    const position = { recover: true, offset: 3, epoch: top.epoch };
    await client.connect('acme/ada', { subs: { '@user': position } });
    await client.ask(2, { subscribe: { channel: 'chat:1', ...position } });
    await server.node.publish(channel, '6');
    expect((await client.publication(6)).push?.pub?.offset).toBe(6);
  });
});

test('without recovery the reply says where the stream stands', async () => {
  const server = await serve({ rooms });
  const { epoch } = await server.node.publish(roomChannel('chat:1'), '1');
  const client = await connected(server, 'acme/ada');
  expect((await client.ask(2, { subscribe: { channel: 'chat:1' } })).subscribe).toEqual({
    ...established,
    epoch,
    offset: 1,
  });
});

test('a room without history neither numbers nor recovers', async () => {
  const server = await serve({ rooms: { '*': { authorize: () => true, history: false } } });
  const client = await connected(server, 'acme/ada');
  const request = { channel: 'chat:1', recover: true, offset: 1, epoch: 'someElse' };
  expect(await client.ask(2, { subscribe: request })).toEqual({ id: 2, subscribe: {} });
  await server.node.publish(roomChannel('chat:1'), '1');
  expect((await client.publication(1)).push).toEqual({ channel: 'chat:1', pub: { data: 1 } });
});

test('flag 2 answers 112 where recovery fails, and leaves no subscription', async () => {
  const server = await serve({ rooms });
  const { epoch } = await server.node.publish(roomChannel('chat:1'), '1');
  const client = await connected(server, 'acme/ada');
  const { channels } = server.node.stats();
  const request = { channel: 'chat:1', recover: true, flag: 3, offset: 0 };
  expect((await client.ask(2, { subscribe: { ...request, epoch: 'someElse' } })).error).toEqual({
    code: 112,
    message: 'unrecoverable position',
  });
  expect(server.node.stats().channels).toBe(channels);
  await server.node.publish(roomChannel('chat:1'), '2');
  const { subscribe } = await client.ask(3, { subscribe: { ...request, epoch } });
  expect(subscribe).toMatchObject({ recovered: true });
  expect(subscribe?.publications).toHaveLength(2);
  expect(client.pushed).toEqual([]);
});

test('channels share the budget of one reply, and what fits is recovered whole', async () => {
  const server = await serve({
    roomsOf: () => ['r:1', 'r:2', 'r:3'],
    limits: { maxRecoveryBytes: 250_000 },
  });
  const names = ['r:1', 'r:2', 'r:3'];
  for (const name of names)
    await server.node.publish(roomChannel(name), `"${'x'.repeat(100_000)}"`);
  const subs = Object.fromEntries(names.map((name) => [name, { recover: true, offset: 0 }]));
  const reply = await new RawClient(server.url).connect('acme/ada', { subs });
  const answers = names.map((name) => reply.subs?.[name]?.recovered ?? false);
  expect(answers.filter(Boolean)).toHaveLength(2);
});

test.each([
  ['large', 126, 4, 1_000],
  ['tiny', 126, 500, 1],
])(
  'a recovery of %s publications at the limit never trips the queue',
  async (_name, count, each, size) => {
    const names = Array.from({ length: count }, (_, n) => `room:${n}`);
    const limits = { publishesPerSecond: Infinity, publishBurst: Infinity };
    const server = await serve({ roomsOf: () => names, limits });
    const data = size === 1 ? '1' : `"${'x'.repeat(size)}"`;
    for (const name of names) {
      for (let n = 0; n < each; n += 1) void server.node.publish(roomChannel(name), data);
    }
    const subs = Object.fromEntries(names.map((name) => [name, { recover: true, offset: 0 }]));
    const client = new RawClient(server.url);
    const reply = await client.connect('acme/ada', { subs });
    const recovered = names.filter((name) => reply.subs?.[name]?.recovered);
    expect(recovered.length).toBeGreaterThan(10);
    const bytes = Buffer.byteLength(client.frames[0] ?? '');
    expect(bytes).toBeGreaterThan(300_000);
    expect(bytes).toBeLessThan(1024 * 1024);
    await server.node.publish(userChannel('ada'), '"alive"');
    await client.publication('alive');
  },
);
