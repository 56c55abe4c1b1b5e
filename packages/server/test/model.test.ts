import { type Channel, channelKey, wireName } from '@trunkline/contract';
import { SlowBroker } from '@trunkline/server/testing';
import { type Centrifuge, State, type Subscription, SubscriptionState } from 'centrifuge';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  acme,
  allChannel,
  globex,
  roomChannel,
  seeded,
  startServer,
  type TestServer,
  userChannel,
} from './harness.ts';

const RUNS = 40;
const ROOMS = ['chat:1', 'chat:2'];
const PEOPLE = [
  { token: 'acme/ada', realm: acme, userId: 'ada' },
  { token: 'acme/bob', realm: acme, userId: 'bob' },
  { token: 'globex/ada', realm: globex, userId: 'ada' },
  { token: 'globex/cleo', realm: globex, userId: 'cleo' },
] as const;

type Person = (typeof PEOPLE)[number];
type Step =
  | { do: 'connect'; who: number }
  | { do: 'disconnect'; who: number }
  | { do: 'subscribe'; who: number; room: string }
  | { do: 'unsubscribe'; who: number; room: string }
  | { do: 'publish'; who: number; to: number; count: number }
  | { do: 'cut' }
  | { do: 'wait'; ms: number };

const who = fc.nat(PEOPLE.length - 1);
const room = fc.constantFrom(...ROOMS);
const to = fc.nat(3);
const count = fc.constantFrom(1, 1, 2, 3, 12); // 12 are more than a history of 8 keeps
const ms = fc.nat(12);
const kind = <T extends string>(name: T) => fc.constant(name);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: kind('connect'), who }) },
  { weight: 1, arbitrary: fc.record({ do: kind('disconnect'), who }) },
  { weight: 4, arbitrary: fc.record({ do: kind('subscribe'), who, room }) },
  { weight: 2, arbitrary: fc.record({ do: kind('unsubscribe'), who, room }) },
  { weight: 8, arbitrary: fc.record({ do: kind('publish'), who, to, count }) },
  { weight: 1, arbitrary: fc.record({ do: kind('cut') }) },
  { weight: 4, arbitrary: fc.record({ do: kind('wait'), ms }) },
);
const steps = fc.array(step, { minLength: 30, maxLength: 80, size: 'max' });

/** The model: what was published to each channel, in the order of its offsets. */
class Ledger {
  readonly #published = new Map<string, string[]>();

  /** Notes a publication and gives its data. */
  note(channel: Channel): string {
    const key = channelKey(channel);
    const all = this.of(key);
    const data = JSON.stringify({ key, n: all.length + 1 });
    this.#published.set(key, [...all, data]);
    return data;
  }

  of(key: string): readonly string[] {
    return this.#published.get(key) ?? [];
  }
}

interface Received {
  readonly offset: number;
  readonly data: string;
}
/** What came without a gap signal in between, and the offset it began after. */
interface Segment {
  readonly after: number;
  readonly received: Received[];
}

/** What one person was told of one channel. */
class Story {
  readonly segments: Segment[] = [];
  recoveries = 0;

  begin(context: {
    wasRecovering: boolean;
    recovered: boolean;
    streamPosition?: { offset: number } | undefined;
  }) {
    if (context.recovered) this.recoveries += 1;
    else this.segments.push({ after: context.streamPosition?.offset ?? 0, received: [] });
  }

  add({ offset = 0, data }: { offset?: number | undefined; data: unknown }): void {
    const item = { offset, data: JSON.stringify(data) };
    const segment = this.segments.at(-1);
    if (!segment) throw new Error(`${item.data} before anything was subscribed`);
    segment.received.push(item);
  }

  /** The segments that are not what the ledger has in that place: each once, in order, whole. */
  broken(published: readonly string[]): Segment[] {
    return this.segments.filter(({ after, received }) =>
      received.some(
        ({ offset, data }, index) => offset !== after + index + 1 || data !== published[offset - 1],
      ),
    );
  }

  /** Where its last segment ends. */
  get end(): number {
    const last = this.segments.at(-1);
    return last ? last.after + last.received.length : 0;
  }
}

/** A person at a stock client, with everything that they were told. */
class Actor {
  readonly client: Centrifuge;
  readonly stories = new Map<string, Story>();
  readonly #person: Person;
  readonly #rooms = new Map<string, Subscription>();

  constructor(server: TestServer, person: Person) {
    this.#person = person;
    this.client = server.client(person.token, { minReconnectDelay: 1, maxReconnectDelay: 3 });
    this.client.on('subscribed', (context) => this.#story(context.channel).begin(context));
    this.client.on('publication', (context) => this.#story(context.channel).add(context));
  }

  room(name: string): Subscription {
    const known = this.#rooms.get(name);
    if (known) return known;
    const subscription = this.client.newSubscription(name, {
      minResubscribeDelay: 1,
      maxResubscribeDelay: 3,
    });
    subscription.on('subscribed', (context) => this.#story(name).begin(context));
    subscription.on('publication', (context) => this.#story(name).add(context));
    this.#rooms.set(name, subscription);
    return subscription;
  }

  channels(): Channel[] {
    const { realm, userId } = this.#person;
    return [
      userChannel(userId, realm),
      allChannel(realm),
      ...ROOMS.map((name) => roomChannel(name, realm)),
    ];
  }

  /** Resolves when the actor is where it wants to be; gives the channels that it is live in. */
  async settle(): Promise<Channel[]> {
    if (this.client.state === State.Disconnected) return [];
    await this.client.ready();
    const wanted = [...this.#rooms.values()].filter(
      ({ state }) => state !== SubscriptionState.Unsubscribed,
    );
    await Promise.all(wanted.map((subscription) => subscription.ready()));
    const names = new Set(['@user', '@all', ...wanted.map(({ channel }) => channel)]);
    return this.channels().filter(({ target }) => names.has(wireName(target)));
  }

  #story(name: string): Story {
    const story = this.stories.get(name) ?? new Story();
    this.stories.set(name, story);
    return story;
  }
}

/** Plays one script against a server and tells what it came to. */
async function play(seed: number, script: readonly Step[], totals: Record<string, number>) {
  const small = { size: 8, ttlMs: 60_000, maxBytes: 100_000 };
  const server = await startServer({
    broker: new SlowBroker({ random: seeded(seed), maxDelayMs: 2 }),
    rooms: { 'chat:*': { authorize: () => true } },
    limits: { history: small, userHistory: small },
  });
  const ledger = new Ledger();
  const actors = PEOPLE.map((person) => new Actor(server, person));
  const publish = async (channel: Channel) =>
    await server.node.publish(channel, ledger.note(channel));
  for (const { client } of actors) client.connect();
  for (const next of script) await take(next, server, actors, publish);

  const live = await Promise.all(actors.map((actor) => actor.settle()));
  const keys = new Map(live.flat().map((channel) => [channelKey(channel), channel]));
  await Promise.all([...keys.values()].map(publish));
  for (const [index, channels] of live.entries()) {
    for (const channel of channels) {
      const top = ledger.of(channelKey(channel)).length;
      await reached(() => actors[index]?.stories.get(wireName(channel.target))?.end === top);
    }
  }
  for (const actor of actors) {
    for (const channel of actor.channels()) {
      const story = actor.stories.get(wireName(channel.target));
      expect(story?.broken(ledger.of(channelKey(channel))) ?? []).toEqual([]);
      totals['deliveries'] +=
        story?.segments.reduce((n, { received }) => n + received.length, 0) ?? 0;
      totals['gaps'] += Math.max(0, (story?.segments.length ?? 0) - 1);
      totals['recoveries'] += story?.recoveries ?? 0;
    }
  }
  expect(server.node.stats().counts.isolationViolations).toBe(0);
  for (const { client } of actors) client.disconnect();
  await server.node.connections.emptied();
  expect(server.node.stats()).toMatchObject({ connections: 0, unauthenticated: 0, channels: 0 });
  await server.stop();
}

async function take(
  next: Step,
  server: TestServer,
  actors: readonly Actor[],
  publish: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  if (next.do === 'cut') return server.cutAll();
  if (next.do === 'wait') return await new Promise((resolve) => setTimeout(resolve, next.ms));
  const actor = actors[next.who];
  switch (next.do) {
    case 'connect':
      return actor.client.connect();
    case 'disconnect':
      return actor.client.disconnect();
    case 'subscribe':
      return actor.room(next.room).subscribe();
    case 'unsubscribe':
      return actor.room(next.room).unsubscribe();
    case 'publish':
      for (let n = 0; n < next.count; n += 1) void publish(actor.channels()[next.to]);
  }
}

async function reached(isThere: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isThere()) {
    if (performance.now() > deadline)
      throw new Error('a live subscriber was not told of everything');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('every live subscriber gets each publication of its channels once and in order, or a gap signal', async () => {
  const totals: Record<string, number> = { deliveries: 0, gaps: 0, recoveries: 0 };
  const play1 = async (seed: number, script: readonly Step[]) => await play(seed, script, totals);
  await fc.assert(fc.asyncProperty(fc.integer(), steps, play1), { numRuns: RUNS });
  // Nothing of it was vacuous.
  expect(totals['deliveries']).toBeGreaterThan(500);
  expect(totals['recoveries']).toBeGreaterThan(10);
  expect(totals['gaps']).toBeGreaterThan(3);
}, 60_000);
