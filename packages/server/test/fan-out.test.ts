import { channelKey, type Realm } from '@trunkline/contract';
import type { Node, Publication, StreamPosition } from '@trunkline/server';
import { expect, test } from 'vitest';
import { acme, allChannel, eventOf, globex, roomChannel, serve, userChannel } from './harness.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const unlimited = { publishesPerSecond: Infinity, publishBurst: Infinity };

interface Delivered {
  readonly to: number;
  readonly data: string;
  readonly turn: number;
}

const sessionsIn = (deliveries: readonly Delivered[]) =>
  new Set(deliveries.map(({ to }) => to)).size;

/** Subscribers without a connection, and a clock that counts the turns of the event loop. */
class Crowd {
  readonly delivered: Delivered[] = [];
  readonly #node: Node;
  #turn = 0;
  #isOver = false;

  constructor(node: Node) {
    this.#node = node;
    const tick = () => {
      this.#turn += 1;
      if (!this.#isOver) setImmediate(tick);
    };
    setImmediate(tick);
  }

  async join(realm: Realm, count: number, onDeliver?: (to: number) => void): Promise<void> {
    for (let to = 0; to < count; to += 1) {
      await this.#node.subscribe(channelKey(allChannel(realm)), {
        id: `${to}`,
        principal: { userId: 'ada', realm, roles: [] },
        deliver: ({ data }: Publication) => {
          this.delivered.push({ to, data, turn: this.#turn });
          onDeliver?.(to);
        },
        lose: () => {},
        deliverPresenceChange: () => {},
        close: () => {},
      });
    }
  }

  async until(count: number): Promise<void> {
    while (this.delivered.length < count) await turn();
    this.#isOver = true;
  }

  /** The most sessions in one turn. */
  get busiest(): number {
    const turns = Map.groupBy(this.delivered, (delivery) => delivery.turn);
    return Math.max(...[...turns.values()].map(sessionsIn));
  }
}

test('no turn of the event loop delivers to more sessions than the slice, and every one gets all in order', async () => {
  const { node } = await serve({ limits: { fanOutSlice: 50 } });
  const crowd = new Crowd(node);
  await crowd.join(acme, 230);
  for (let n = 0; n < 5; n += 1) await node.publish(allChannel(), `${n}`);
  await crowd.until(5 * 230);
  expect(crowd.busiest).toBeLessThanOrEqual(50);
  for (let to = 0; to < 230; to += 1) {
    const got = crowd.delivered.filter((delivery) => delivery.to === to);
    expect(got.map(({ data }) => data)).toEqual(['0', '1', '2', '3', '4']);
  }
});

test('what waits for the same sessions goes to each of them together', async () => {
  const { node } = await serve({ limits: { fanOutSlice: 50 } });
  const crowd = new Crowd(node);
  await crowd.join(acme, 100);
  for (let n = 0; n < 20; n += 1) void node.publish(allChannel(), `${n}`);
  await crowd.until(2_000);
  const ofFirst = crowd.delivered.filter(({ to }) => to === 0);
  expect(ofFirst.map(({ data }) => data)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
  // 16 in one go, and the other four
  expect(new Set(ofFirst.map((delivery) => delivery.turn)).size).toBe(2);
});

test('what fits into the turn is delivered at once', async () => {
  const { node } = await serve();
  const crowd = new Crowd(node);
  await crowd.join(acme, 500);
  void node.publish(allChannel(), '1');
  expect(crowd.delivered).toHaveLength(500);
  void node.publish(allChannel(), '2');
  expect(crowd.delivered).toHaveLength(500); // this turn is full
  await crowd.until(1_000);
});

test("one tenant's broadcasts do not hold up another's", async () => {
  const { node } = await serve({ limits: { fanOutSlice: 100 } });
  const crowd = new Crowd(node);
  const neighbour = new Crowd(node);
  await crowd.join(acme, 2_000);
  await neighbour.join(globex, 1);
  const data = JSON.stringify('x'.repeat(1_000)); // 64 of them are a tenant's share of a round
  for (let n = 0; n < 10; n += 1) void node.publish(allChannel(), data);
  await turn();
  void node.publish(allChannel(globex), '"mine"');
  await neighbour.until(1);
  expect(sessionsIn(crowd.delivered)).toBeLessThan(1_000);
  await crowd.until(20_000);
});

test('who joins in the middle of a broadcast has no part in it, who leaves hears no more', async () => {
  const { node } = await serve({ limits: { fanOutSlice: 10 } });
  const crowd = new Crowd(node);
  const late = new Crowd(node);
  await crowd.join(acme, 30);
  void node.publish(allChannel(), '"old"');
  await turn();
  expect(crowd.delivered.length).toBeGreaterThan(0);
  expect(crowd.delivered.length).toBeLessThan(30);
  await late.join(acme, 1);
  await node.publish(allChannel(), '"new"');
  await crowd.until(60);
  await late.until(1);
  expect(late.delivered.map(({ data }) => data)).toEqual(['"new"']);
});

test('a tenant that has used up its bytes per second waits, nothing is lost, and the others do not wait', async () => {
  const server = await serve({
    limits: { ...unlimited, fanOutBytesPerSecond: Infinity, fanOutBurstBytes: Infinity },
    limitsFor: (tenantId) =>
      tenantId === 'acme' ? { fanOutBytesPerSecond: 50_000, fanOutBurstBytes: 10_000 } : undefined,
  });
  const clients = ['acme/ada', 'globex/cleo'].map((token) => server.client(token));
  const received: unknown[] = [];
  const [ada, cleo] = clients;
  ada?.on('publication', ({ data }) => received.push(data));
  for (const client of clients) {
    client.connect();
    await client.ready();
  }
  const text = 'x'.repeat(1_000);
  for (let n = 0; n < 30; n += 1)
    void server.node.publish(userChannel('ada'), JSON.stringify([n, text]));
  const own = eventOf(cleo as never, 'publication');
  await server.node.publish(userChannel('cleo', globex), '1');
  await own;
  expect(received.length).toBeLessThan(25);
  while (received.length < 30) await turn();
  expect(received).toEqual(Array.from({ length: 30 }, (_, n) => [n, text]));
  expect(server.node.stats().limits.fanOutBytesPerSecond).toBeGreaterThan(0);
});

test('what finds no room in the backlog is no silent gap: its subscribers recover it', async () => {
  const server = await serve({
    rooms: { 'chat:*': { authorize: () => true } },
    limits: {
      ...unlimited,
      fanOutBytesPerSecond: 200_000,
      fanOutBurstBytes: 1_000,
      maxFanOutBacklogBytes: 5_000,
    },
  });
  const client = server.client('acme/ada', { minReconnectDelay: 1, maxReconnectDelay: 5 });
  const room = client.newSubscription('chat:1');
  const got = { room: [] as number[], user: [] as number[] };
  const lost: unknown[] = [];
  room.on('publication', ({ data }) => got.room.push(data));
  client.on('publication', ({ data }) => got.user.push(data));
  for (const source of [room, client]) {
    (source as typeof room).on('subscribed', ({ wasRecovering, recovered }) => {
      if (wasRecovering && !recovered) lost.push(source);
    });
  }
  room.subscribe();
  client.connect();
  await room.ready();
  for (let n = 0; n < 90; n += 1) {
    void server.node.publish(roomChannel('chat:1'), `${n}`);
    void server.node.publish(userChannel('ada'), `${n}`);
  }
  while (got.room.length < 90 || got.user.length < 90) await turn();
  const all = Array.from({ length: 90 }, (_, n) => n);
  expect(got).toEqual({ room: all, user: all });
  expect(lost).toEqual([]);
  const { counts, limits } = server.node.stats();
  expect(limits.maxFanOutBacklogBytes).toBeGreaterThan(0);
  expect(counts.insufficientStates).toBeGreaterThan(0);
});

test('a backlog is bounded by what it will write, so that nobody waits for what was said long ago', async () => {
  const server = await serve({
    rooms: { 'chat:*': { authorize: () => true } },
    limits: {
      ...unlimited,
      fanOutBytesPerSecond: 100_000,
      fanOutBurstBytes: 1_000,
      maxFanOutBacklogBytes: 100_000,
    },
  });
  const crowd = new Crowd(server.node);
  await crowd.join(acme, 20);
  const data = JSON.stringify('x'.repeat(1_000));
  for (let n = 0; n < 200; n += 1) void server.node.publish(allChannel(), data);
  const client = server.client('acme/ada');
  client.connect();
  await client.ready();
  const begin = performance.now();
  const got = eventOf(
    client,
    'publication',
    ({ data: text }: { data: unknown }) => text === 'mine',
  );
  while (server.node.stats().limits.maxFanOutBacklogBytes === 0) await turn();
  await server.node.publish(userChannel('ada'), '"mine"');
  await got;
  expect(performance.now() - begin).toBeLessThan(4_000);
});

test('words that find no room cost one place, however the subscribers change', async () => {
  const { node } = await serve({
    limits: { ...unlimited, fanOutSlice: 1, maxFanOutBacklogBytes: 1 },
  });
  const crowd = new Crowd(node);
  const lost: number[] = [];
  await crowd.join(acme, 2);
  const flapping = {
    id: 'flapping',
    principal: { userId: 'ada', realm: acme, roles: [] },
    deliver: () => {},
    lose: ({ offset }: StreamPosition) => void lost.push(offset),
    deliverPresenceChange: () => {},
    close: () => {},
  };
  const key = channelKey(allChannel());
  for (let n = 0; n < 50; n += 1) {
    await node.subscribe(key, flapping);
    void node.publish(allChannel(), `${n}`);
    if (n < 49) node.unsubscribe(key, flapping);
  }
  while (lost.length === 0) await turn();
  await turn();
  expect(lost).toEqual([50]);
});

test('a burst of small events to a large room is within what a tenant may have waiting', async () => {
  const { node } = await serve({
    limits: { ...unlimited, fanOutBytesPerSecond: Infinity, fanOutBurstBytes: Infinity },
  });
  const crowd = new Crowd(node);
  await crowd.join(acme, 2_000);
  for (let n = 0; n < 200; n += 1)
    void node.publish(allChannel(), `{"n":${n},"text":"a small event"}`);
  await crowd.until(200 * 2_000);
  expect(node.stats().limits.maxFanOutBacklogBytes).toBe(0);
});
