import { type Broker, type BrokerListener, MemoryBroker } from '@trunkline/server';
import { expect, test } from 'vitest';
import {
  connected,
  eventOf,
  type RawClient,
  roomChannel,
  serve,
  type TestServer,
  userChannel,
} from './harness.ts';

const rooms = { 'chat:*': { authorize: () => true } };
const room = roomChannel('chat:1');

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A broker that nodes share, over a network that can fail in each direction. */
class FarBroker extends MemoryBroker {
  override readonly isShared: boolean = true;
  /** Are announcements lost? */
  isDeaf = false;
  /** Is every question refused? */
  isAway = false;
  /** Of which channel cannot be read where it stands? */
  unreadable = '';
  /** How often it was asked for a history. */
  reads = 0;
  /** Runs before a history that was read is given. */
  whileReading: () => Promise<void> = async () => {};
  #listener: BrokerListener = { onPublication: () => {} };

  override async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    await super.start({
      ...listener,
      onPublication: (...announced) => {
        if (!this.isDeaf) listener.onPublication(...announced);
      },
    });
  }

  /** It announces again. */
  resume(): void {
    this.isDeaf = false;
    this.#listener.onResumed?.();
  }

  override async history(...question: Parameters<Broker['history']>) {
    if (this.isAway) throw new Error('away');
    this.reads += 1;
    const history = await super.history(...question);
    await this.whileReading();
    return history;
  }

  override async tops(channels: readonly string[]): ReturnType<Broker['tops']> {
    if (this.isAway) throw new Error('away');
    return (await super.tops(channels)).map((top, n) =>
      channels[n] === this.unreadable ? null : top,
    );
  }
}

async function joined(options: Parameters<typeof serve>[0] = {}) {
  const broker = new FarBroker();
  const server = await serve({ broker, rooms, limits: { gapCheckMs: Infinity }, ...options });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  const publish = async (...data: string[]) => {
    for (const each of data) await server.node.publish(room, each);
  };
  const lose = async (...data: string[]) => {
    broker.isDeaf = true;
    await publish(...data);
    broker.isDeaf = false;
  };
  broker.reads = 0;
  return { broker, server, client, publish, lose };
}

/** Nobody has been sent to recover anything. */
function expectUnnoticed({ node }: TestServer, client: RawClient, repaired: number): void {
  expect(node.stats().counts).toMatchObject({ insufficientStates: 0, lostStreams: 0, repaired });
  expect(client.lines.flatMap(({ push }) => push?.unsubscribe ?? [])).toEqual([]);
}

test('what was lost on the way comes in its place, and no client notices', async () => {
  const { server, client, publish, lose } = await joined();
  await publish('1');
  await lose('2', '3');
  await publish('4', '5');
  await client.publication(5);
  expect(client.pushed).toEqual([1, 2, 3, 4, 5]);
  expectUnnoticed(server, client, 2);
});

test('a stock client has all of it in order on the connection that it has', async () => {
  const broker = new FarBroker();
  const server = await serve({ broker });
  const client = server.client('acme/ada');
  const received: number[] = [];
  client.on('publication', ({ data }) => received.push(data));
  const last = eventOf<{ data: number }>(client, 'publication', ({ data }) => data === 5);
  client.connect();
  await client.ready();
  let connects = 0;
  client.on('connecting', () => (connects += 1));
  for (const data of ['1', '2', '3', '4', '5']) {
    broker.isDeaf = data === '1' || data === '3';
    await server.node.publish(userChannel('ada'), data);
  }
  await last;
  expect(received).toEqual([1, 2, 3, 4, 5]);
  expect(connects).toBe(0);
});

test('the last one before a silence is found without any later one', async () => {
  const { server, client, publish, lose } = await joined({ limits: { gapCheckMs: 20 } });
  await publish('1');
  await lose('2');
  await client.publication(2);
  expect(client.pushed).toEqual([1, 2]);
  expectUnnoticed(server, client, 1);
});

test('the very first one is found, too', async () => {
  const { client, lose } = await joined({ limits: { gapCheckMs: 20 } });
  await lose('1');
  await client.publication(1);
  expect(client.pushed).toEqual([1]);
});

test('where nobody looks, nobody finds it: this is what the look is for', async () => {
  const { client, publish, lose } = await joined();
  await publish('1');
  await lose('2');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(client.pushed).toEqual([1]);
  await publish('3');
  await client.publication(3);
  expect(client.pushed).toEqual([1, 2, 3]);
});

test('a broker that was cut off is asked at once what it has not announced', async () => {
  const { broker, client, publish, lose } = await joined();
  await publish('1');
  await lose('2', '3');
  broker.resume();
  await client.publication(3);
  expect(client.pushed).toEqual([1, 2, 3]);
});

test('of two that come at the same time, who has seen less of the stream is given the rest, too', async () => {
  const { broker, server } = await joined({ limits: { gapCheckMs: 20 } });
  const [early, late] = [await connected(server, 'acme/bob'), await connected(server, 'acme/eve')];
  const slow = Promise.withResolvers<void>();
  broker.reads = 0;
  broker.whileReading = async () => {
    broker.whileReading = async () => {};
    await slow.promise;
  };
  const subscribe = { subscribe: { channel: 'chat:2' } };
  const entering = early.ask(2, subscribe);
  while (broker.reads === 0) await turn();
  broker.isDeaf = true;
  await server.node.publish(roomChannel('chat:2'), '"lost"');
  await late.ask(2, subscribe);
  broker.isDeaf = false;
  slow.resolve();
  await entering;
  await early.publication('lost');
  expect(late.pushed).toEqual([]);
});

test('what is announced while a gap is being filled comes behind it, once', async () => {
  const { broker, client, publish, lose } = await joined();
  broker.whileReading = async () => {
    broker.whileReading = async () => {};
    await publish('4', '5');
    await lose('6');
    await publish('7');
  };
  await publish('1');
  await lose('2');
  await publish('3');
  await client.publication(7);
  expect(client.pushed).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('more than can be held while a gap is being filled is read as well', async () => {
  const history = { size: 5_000, ttlMs: 60_000, maxBytes: 1_000_000 };
  const limits = { publishesPerSecond: Infinity, publishBurst: Infinity, gapCheckMs: Infinity };
  const { broker, client, publish, lose } = await joined({
    limits,
    rooms: { 'chat:*': { authorize: () => true, history } },
  });
  const many = Array.from({ length: 1_500 }, (_, index) => `${index + 4}`);
  broker.whileReading = async () => {
    broker.whileReading = async () => {};
    await publish(...many);
  };
  await publish('1');
  await lose('2');
  await publish('3');
  await client.publication(1_503);
  expect(client.pushed).toEqual(Array.from({ length: 1_503 }, (_, index) => index + 1));
});

test('of many channels with a gap, eight are read at a time', async () => {
  const { broker, server, client } = await joined();
  const names = Array.from({ length: 20 }, (_, n) => `chat:${n + 10}`);
  for (const [n, channel] of names.entries()) await client.ask(10 + n, { subscribe: { channel } });
  let reading = 0;
  let most = 0;
  broker.whileReading = async () => {
    most = Math.max(most, (reading += 1));
    await new Promise(setImmediate);
    reading -= 1;
  };
  broker.isDeaf = true;
  for (const [n, name] of names.entries()) await server.node.publish(roomChannel(name), `${n}`);
  broker.resume();
  await Promise.all(names.map((_, n) => client.publication(n)));
  expect(most).toBe(8);
  expectUnnoticed(server, client, names.length);
});

test('volatile ones pass a gap that is being filled: they have no place in it', async () => {
  const { broker, server, client, publish, lose } = await joined();
  const held = Promise.withResolvers<void>();
  broker.whileReading = async () => await held.promise;
  await publish('1');
  await lose('2');
  await publish('3');
  await server.node.publish(room, '"v"', { volatile: true });
  await client.publication('v');
  held.resolve();
  await client.publication(3);
  expect(client.pushed).toEqual([1, 'v', 2, 3]);
});

test('a gap that cannot be read now is read later, and nothing newer comes before it', async () => {
  const { broker, server, client, publish, lose } = await joined();
  await publish('1');
  await lose('2');
  broker.isAway = true;
  await publish('3');
  await publish('4');
  broker.isAway = false;
  await client.publication(4);
  expect(client.pushed).toEqual([1, 2, 3, 4]);
  expect(server.log.records.map(({ message }) => message)).toContain('broker_failed');
  expectUnnoticed(server, client, 3);
});

test('a stream that has begun a new life: its subscribers are sent to recover, and told of the gap', async () => {
  const { broker, server, client, publish } = await joined({ limits: { gapCheckMs: 20 } });
  await publish('1');
  const known = { history: broker.history.bind(broker) };
  const stranger = new MemoryBroker();
  const history = { size: 10, ttlMs: 60_000, maxBytes: 1_000 };
  const elsewhere = await stranger.publish('t.acme:c:chat:1', '"new"', { history });
  const ofRoom = (channel: string) => channel === 't.acme:c:chat:1';
  broker.tops = async (channels) =>
    await Promise.all(
      channels.map(async (channel) => {
        const { top } = await broker.history(channel, null);
        return top;
      }),
    );
  broker.history = async (channel, after) =>
    await (ofRoom(channel) ? stranger : known).history(channel, after);
  await client.line(({ push }) => push?.unsubscribe?.code === 2500);
  const { subscribe } = await client.ask(3, {
    subscribe: { channel: 'chat:1', recover: true, offset: 1, epoch: 'old' },
  });
  expect(subscribe).toMatchObject({ epoch: elsewhere.epoch, offset: 1, was_recovering: true });
  expect(subscribe?.recovered).toBeUndefined();
  expect(server.node.stats().counts.lostStreams).toBe(1);
});

test('a stream that cannot be read hides no gap of another', async () => {
  const { broker, server, client, lose } = await joined({ limits: { gapCheckMs: 20 } });
  await client.ask(3, { subscribe: { channel: 'chat:2' } });
  broker.unreadable = 't.acme:c:chat:2';
  await lose('1');
  await client.publication(1);
  expectUnnoticed(server, client, 1);
});

test('an engine that no other node shares is never asked without a reason', async () => {
  const broker = new FarBroker();
  Object.assign(broker, { isShared: false });
  let asked = 0;
  broker.tops = async () => {
    asked += 1;
    return [];
  };
  const server = await serve({ broker, rooms, limits: { gapCheckMs: 1 } });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: { channel: 'chat:1' } });
  await server.node.publish(room, '1');
  await client.publication(1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(asked).toBe(0);
});

test('a channel that is left is looked after no more, and one that is entered again is', async () => {
  const { client, publish, lose } = await joined({ limits: { gapCheckMs: 20 } });
  await publish('1');
  await client.ask(3, { unsubscribe: { channel: 'chat:1' } });
  await lose('2');
  await client.ask(4, { subscribe: { channel: 'chat:1' } });
  await lose('3');
  await client.publication(3);
  expect(client.pushed).toEqual([1, 3]);
});
