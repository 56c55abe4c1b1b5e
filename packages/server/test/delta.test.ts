import { sealEvent } from '@trunkline/server';
import type { Subscription } from 'centrifuge';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { Deltas } from '../src/deltas.ts';
import { deltaBetween, MAX_DELTA_BYTES } from '../src/protocol/delta.ts';
import { PublicationPush } from '../src/protocol/push.ts';
import { apply } from './apply-delta.ts';
import {
  acme,
  connected,
  eventOf,
  RawClient,
  roomChannel,
  serve,
  type TestServer,
} from './harness.ts';
import { stockClients } from './stock-clients.ts';

const rooms = { '*': { authorize: () => true, delta: true } } as const;
const room = roomChannel('product:1');
const subscribing = { channel: 'product:1', delta: 'fossil', recoverable: true };
const utf8 = new TextEncoder();
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Letters of one to four bytes, whose neighbours share bytes with them, and what JSON escapes. */
const letter = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '"',
    '\\',
    '\n',
    'é',
    'ж',
    'з',
    'я',
    'ש',
    '語',
    '誤',
    '😀',
    '😁',
    '\u2028',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const text = fc.array(letter, { minLength: 40, maxLength: 400 }).map((letters) => letters.join(''));
const edit = fc.record({
  at: fc.nat(),
  cut: fc.nat({ max: 6 }),
  put: fc.array(letter, { maxLength: 6 }),
});

function edited(
  before: string,
  { at, cut, put }: { at: number; cut: number; put: string[] },
): string {
  const letters = Array.from(before);
  letters.splice(at % (letters.length + 1), cut, ...put);
  return letters.join('');
}

test('a delta is text, shorter than what it stands for, and gives exactly its bytes', () => {
  let deltas = 0;
  fc.assert(
    fc.property(text, fc.array(edit, { minLength: 1, maxLength: 4 }), (before, edits) => {
      const base = JSON.stringify({ text: before });
      const target = JSON.stringify({ text: edits.reduce(edited, before) });
      const delta = deltaBetween(base, target);
      if (delta === null) return;
      deltas += 1;
      expect(utf8.encode(delta).length).toBeLessThan(utf8.encode(target).length);
      expect(JSON.parse(JSON.stringify(delta))).toBe(delta);
      expect(apply(base, delta)).toBe(target);
    }),
    { numRuns: 3_000 },
  );
  expect(deltas).toBeGreaterThan(500);
});

test('a change inside a character, which would cut it, is sent in full', () => {
  const before = JSON.stringify('ж'.repeat(200));
  const cut = ['Ж', 'з', 'и', 'я', 'Ё'].filter((other) => {
    const delta = deltaBetween(
      before,
      JSON.stringify(`${'ж'.repeat(100)}${other}${'ж'.repeat(99)}`),
    );
    return delta === null;
  });
  expect(cut.length).toBeGreaterThan(0);
});

test('what saves less than it takes to say that it is a delta is sent in full', () => {
  const base = JSON.stringify('a text that nobody would call long, with an end: 1');
  const target = JSON.stringify('a text that nobody would call long, with an end: 2');
  expect(deltaBetween(base, target)).not.toBeNull();
  expect(deltaBetween(base.slice(24), target.slice(24))).toBeNull();
});

test('whether one goes as a delta is decided once, however many ask', () => {
  const from = vi.fn<() => null>(() => null);
  const names = { wireName: 'product:1', number: 1 };
  const push = new PublicationPush(names, { data: state(2), offset: 2 }, { from });
  const form = { isCompact: false, isDelta: true };
  const lines = Array.from({ length: 3 }, () => push.lineIn(form, state(1)));
  expect(new Set(lines).size).toBe(1);
  expect(from).toHaveBeenCalledOnce();
});

test('what costs too much to compare is sent in full', () => {
  const large = JSON.stringify('x'.repeat(MAX_DELTA_BYTES));
  expect(deltaBetween(large, large)).toBeNull();
});

test('who has used up the time for deltas has whole payloads, and its limit counts', () => {
  let exceeded = 0;
  const deltas = new Deltas(0.001, () => (exceeded += 1));
  const [a, b, c] = ['a', 'b', 'c'].map((end) => ({
    data: JSON.stringify('x'.repeat(5_000) + end),
    offset: 1,
  }));
  expect(deltas.from(a?.data ?? '', b ?? { data: '', offset: 0 })).not.toBeNull();
  expect(deltas.from(b?.data ?? '', c ?? { data: '', offset: 0 })).toBeNull();
  expect(exceeded).toBe(1);
  // what has been found costs nothing more
  expect(deltas.from(a?.data ?? '', b ?? { data: '', offset: 0 })).not.toBeNull();
});

test('payloads that are made to be slow to compare cost no more than that', async () => {
  const open = { ...rooms['*'], publish: 'members', payload: 'json' } as const;
  const server = await serve({ rooms: { '*': open }, limits: { deltaMsPerSecond: 5 } });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: subscribing });
  for (let n = 1; n <= 60; n += 1) {
    const slow = (n % 2 === 0 ? 'x'.repeat(17) : `${'x'.repeat(16)}y`).repeat(900);
    await server.node.publish(room, JSON.stringify(slow));
  }
  await pubOf(client, 60);
  expect(server.node.stats().limits.deltaMsPerSecond).toBeGreaterThan(0);
});

interface WirePublication {
  readonly data: unknown;
  readonly delta?: boolean;
  readonly offset?: number;
}

const pubOf = async (client: RawClient, offset: number): Promise<WirePublication> => {
  const { push } = await client.line((line) => line.push?.pub?.offset === offset);
  return push?.pub as WirePublication;
};

const state = (n: number) => JSON.stringify({ n, text: 'the same as ever, '.repeat(10) });

test('the first comes in full, as text; each further one as what changed since', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  await server.node.publish(room, state(1)); // before its time
  expect((await client.ask(2, { subscribe: subscribing })).subscribe).toMatchObject({
    delta: true,
    offset: 1,
  });
  for (const n of [2, 3, 4]) await server.node.publish(room, state(n));
  const first = await pubOf(client, 2);
  expect(first).toEqual({ data: state(2), offset: 2 });
  let base = state(2);
  for (const n of [3, 4]) {
    const { data, delta } = await pubOf(client, n);
    expect(delta).toBe(true);
    expect(String(data).length).toBeLessThan(60);
    base = apply(base, String(data));
    expect(base).toBe(state(n));
  }
});

test('who did not ask for deltas has plain publications beside somebody who did', async () => {
  const server = await serve({ rooms });
  const [ada, ben] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  await ada.ask(2, { subscribe: subscribing });
  const plain = await ben.ask(2, { subscribe: { channel: 'product:1' } });
  expect(plain.subscribe).not.toHaveProperty('delta');
  for (const n of [1, 2]) await server.node.publish(room, state(n));
  expect((await pubOf(ada, 2)).delta).toBe(true);
  expect(await pubOf(ben, 2)).toEqual({ data: JSON.parse(state(2)), offset: 2 });
});

test('where the rule does not allow it, nobody has deltas', async () => {
  const server = await serve({ rooms: { '*': { authorize: () => true } } });
  const client = await connected(server, 'acme/ada');
  const { subscribe } = await client.ask(2, { subscribe: subscribing });
  expect(subscribe).not.toHaveProperty('delta');
  await server.node.publish(room, state(1));
  expect(await pubOf(client, 1)).toEqual({ data: JSON.parse(state(1)), offset: 1 });
});

test('a recovered list is a chain that live publications go on from', async () => {
  const server = await serve({ rooms });
  for (const n of [1, 2, 3]) await server.node.publish(room, state(n));
  const client = await connected(server, 'acme/ada');
  const reply = await client.ask(2, { subscribe: { ...subscribing, recover: true, offset: 0 } });
  const publications = (reply.subscribe?.publications ?? []) as WirePublication[];
  expect(publications.map(({ delta }) => delta ?? false)).toEqual([false, true, true]);
  const [full, ...deltas] = publications.map(({ data }) => String(data));
  expect(deltas.reduce(apply, full ?? '')).toBe(state(3));
  await server.node.publish(room, state(4));
  const { data, delta } = await pubOf(client, 4);
  expect(delta).toBe(true);
  expect(apply(state(3), String(data))).toBe(state(4));
});

test('after a recovery of nothing the next comes in full: its client has nothing to build on', async () => {
  const server = await serve({ rooms });
  const other = await connected(server, 'acme/ben'); // for whom there is something to build on
  await other.ask(2, { subscribe: subscribing });
  for (const n of [1, 2]) await server.node.publish(room, state(n));
  const client = await connected(server, 'acme/ada');
  const reply = await client.ask(2, { subscribe: { ...subscribing, recover: true, offset: 2 } });
  expect(reply.subscribe).toMatchObject({ recovered: true, delta: true });
  expect(reply.subscribe).not.toHaveProperty('publications');
  await server.node.publish(room, state(3));
  expect(await pubOf(client, 3)).toEqual({ data: state(3), offset: 3 });
  expect((await pubOf(other, 3)).delta).toBe(true);
});

test('history is always plain', async () => {
  const keeping = { ...rooms['*'], history: { size: 10 } };
  const server = await serve({ rooms: { '*': keeping } });
  const client = await connected(server, 'acme/ada');
  await client.ask(2, { subscribe: subscribing });
  for (const n of [1, 2]) await server.node.publish(room, state(n));
  const { history } = await client.ask(3, { history: { channel: 'product:1', limit: -1 } });
  expect(history?.publications).toEqual([
    { data: JSON.parse(state(1)), offset: 1 },
    { data: JSON.parse(state(2)), offset: 2 },
  ]);
});

test('another kind of delta than fossil ends the connection with 3501', async () => {
  const server = await serve({ rooms });
  const client = await connected(server, 'acme/ada');
  client.send({ id: 2, subscribe: { channel: 'product:1', delta: 'rsync' } });
  expect(await client.closed()).toBe(3501);
});

describe.each(stockClients)('centrifuge %s over %s', (_version, _transport, make) => {
  test('has every text exactly, through edits in any script, cuts and recoveries', async () => {
    const server = await serve({ rooms, limits: { subscribesPerSecond: 1_000 } });
    const client = server.client('acme/ada', {}, make);
    const subscription = client.newSubscription('product:1', { delta: 'fossil' });
    const received: unknown[] = [];
    subscription.on('publication', ({ data }) => received.push(data));
    subscription.subscribe();
    client.connect();
    await subscription.ready();
    const sent: string[] = [];
    const edits = fc.sample(edit, { numRuns: 120, seed: 7 });
    let now = fc.sample(text, { numRuns: 1, seed: 7 })[0] ?? '';
    for (const [n, next] of edits.entries()) {
      now = edited(now, next);
      sent.push(now);
      await server.node.publish(room, JSON.stringify(now));
      if (n % 40 === 39) await comeBack(server, subscription);
    }
    await server.node.publish(room, '"the end"');
    while (received.at(-1) !== 'the end') await turn();
    expect(received.slice(0, -1)).toEqual(sent);
  });
});

async function comeBack(server: TestServer, subscription: Subscription): Promise<void> {
  const back = eventOf<{ recovered: boolean }>(subscription, 'subscribed');
  server.cutAll();
  expect((await back).recovered).toBe(true);
}

test('updates of a product cost a fraction of their bytes', async () => {
  const server = await serve({ rooms });
  const [whole, delta] = [await connected(server, 'acme/ada'), await connected(server, 'acme/ben')];
  await whole.ask(2, { subscribe: { channel: 'product:1' } });
  await delta.ask(2, { subscribe: subscribing });
  for (let n = 1; n <= 50; n += 1) {
    const event = { type: 'data:product:updated', data: productUpdate(n) };
    const { json } = sealEvent(
      event,
      { realm: acme, scope: 'room', room: 'product:1' },
      server.node.limits,
    );
    await server.node.publish(room, json);
  }
  await Promise.all([pubOf(whole, 50), pubOf(delta, 50)]);
  const bytesOf = ({ frames }: RawClient) => Buffer.byteLength(frames.slice(2).join(''));
  const share = bytesOf(delta) / bytesOf(whole);
  console.log(
    `50 updates of a product: ${bytesOf(whole)} bytes whole, ${bytesOf(delta)} as deltas (${Math.round(100 * share)} %)`,
  );
  expect(share).toBeLessThan(0.5);
});

/** What the guide's `ProductService` sends: a change of price or stock of a product as shops have them. */
function productUpdate(n: number) {
  const updates = n % 2 === 0 ? { stock: 500 - n } : { price: 19.9 + n / 10 };
  const product = {
    id: '1',
    name: 'Espresso machine, two groups',
    description:
      'A machine for small cafés: two groups, a boiler of eleven litres, and a pump that hardly anybody hears. Comes with two portafilters, a tamper and a jug.',
    currency: 'EUR',
    tags: ['coffee', 'kitchen', 'professional'],
    images: ['/images/1-front.jpg', '/images/1-side.jpg', '/images/1-inside.jpg'],
    stock: 500,
    price: 19.9,
    ...updates,
  };
  return { productId: '1', product, updates };
}
