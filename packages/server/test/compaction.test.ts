import { expect, test } from 'vitest';
import { connected, roomChannel, serve } from './harness.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

const rooms = { '*': { authorize: () => true, joinLeave: true, presence: true } } as const;
const subscribing = (channel: string) => ({ subscribe: { channel, flag: 1, join_leave: true } });

interface NumberedPush {
  readonly id?: number;
  readonly channel?: string;
  readonly pub?: { readonly data: unknown };
  readonly join?: object;
  readonly unsubscribe?: object;
}

test('a client that offers it has pushes by the number of its subscription, with channelCompaction on', async () => {
  const server = await serve({ rooms, channelCompaction: true });
  const client = await connected(server, 'acme/ada');
  const numbers: (number | undefined)[] = [];
  for (const [id, channel] of [
    [2, 'chat:1'],
    [3, 'chat:2'],
  ] as const) {
    const { subscribe } = await client.ask(id, subscribing(channel));
    numbers.push((subscribe as { id?: number }).id);
  }
  expect(new Set(numbers).size).toBe(2);
  expect(numbers.every((number) => Number.isInteger(number) && Number(number) > 0)).toBe(true);
  await server.node.publish(roomChannel('chat:2'), '"two"');
  const { push } = await client.line(({ push: other }) => other?.pub?.data === 'two');
  expect(push).toMatchObject({ id: numbers[1] });
  expect(push).not.toHaveProperty('channel');
  await connected(server, 'acme/ben').then((ben) => ben.ask(2, subscribing('chat:1')));
  const { push: join } = await client.line(
    (line) =>
      Boolean((line.push as NumberedPush | undefined)?.join) &&
      JSON.stringify(line).includes('ben'),
  );
  expect(join).toMatchObject({ id: numbers[0] });
});

test('who does not offer it, and an unsubscribe, have the name', async () => {
  const server = await serve({ rooms, channelCompaction: true });
  const [ada, ben] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  await ada.ask(2, subscribing('chat:1'));
  const { subscribe } = await ben.ask(2, { subscribe: { channel: 'chat:1' } });
  expect(subscribe).not.toHaveProperty('id');
  await server.node.publish(roomChannel('chat:1'), '"hello"');
  const { push } = await ben.line(({ push: other }) => other?.pub?.data === 'hello');
  expect(push).toMatchObject({ channel: 'chat:1' });
  await server.node.users.leaveRoom({ realm: roomChannel('x').realm, userId: 'ada' }, 'chat:1');
  const { push: last } = await ada.line(({ push: other }) => Boolean(other?.unsubscribe));
  expect(last).toMatchObject({ channel: 'chat:1' });
});

test('it is off unless it is turned on', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  expect((await client.ask(2, subscribing('chat:1'))).subscribe).not.toHaveProperty('id');
});

test('a number is not used again after everybody has left', async () => {
  const server = await serve({ rooms, channelCompaction: true });
  const client = await connected(server, 'acme/ada');
  const numbers = new Set<number>();
  for (let id = 2; id < 10; id += 2) {
    const { subscribe } = await client.ask(id, subscribing('chat:1'));
    numbers.add((subscribe as { id: number }).id);
    await client.ask(id + 1, { unsubscribe: { channel: 'chat:1' } });
  }
  expect(numbers.size).toBe(4);
});

test('a stock client gets everything, by number and as deltas at once', async () => {
  const server = await serve({
    rooms: { '*': { ...rooms['*'], delta: true } },
    channelCompaction: true,
  });
  const client = server.client('acme/ada');
  const subscription = client.newSubscription('chat:1', { delta: 'fossil', joinLeave: true });
  const received: unknown[] = [];
  subscription.on('publication', ({ data }) => received.push(data));
  subscription.subscribe();
  client.connect();
  await subscription.ready();
  for (let n = 1; n <= 10; n += 1) {
    await server.node.publish(roomChannel('chat:1'), JSON.stringify({ n, text: 'x'.repeat(100) }));
  }
  while (received.length < 10) await turn();
  expect(received).toEqual(
    Array.from({ length: 10 }, (_, n) => ({ n: n + 1, text: 'x'.repeat(100) })),
  );
});
