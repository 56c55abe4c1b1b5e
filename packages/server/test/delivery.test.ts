import type { History } from '@trunkline/server';
import {
  Session,
  type SessionInit,
  SlowBroker,
  type SlowBrokerOptions,
} from '@trunkline/server/testing';
import { Centrifuge, State, type Subscription, SubscriptionState } from 'centrifuge';
import { expect, test } from 'vitest';
import { roomChannel, seeded, startServer, userChannel } from './harness.ts';

const PUBLICATIONS = 3_000;
const CUTS = 8;

/** A session with its last two steps swapped: it opens the gates before it writes the reply. */
class HastySession extends Session {
  override complete(...[reply, joined]: Parameters<Session['complete']>): void {
    for (const { subscription, position } of joined) subscription.openGate(position);
    super.complete(reply, []);
  }
}

class FarBroker extends SlowBroker {
  readonly #historyDelayMs: number;

  constructor(historyDelayMs: number, options: SlowBrokerOptions) {
    super(options);
    this.#historyDelayMs = historyDelayMs;
  }

  override async history(...question: Parameters<SlowBroker['history']>): Promise<History> {
    const history = await super.history(...question);
    if (this.#historyDelayMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, this.#historyDelayMs));
    }
    return history;
  }
}

interface Outcome {
  serverSide: number[];
  clientSide: number[];
  cuts: number;
  failedRecoveries: number;
}

interface RunOptions {
  /** How much longer than all else the broker's answer with the history is under way. */
  historyDelayMs?: number;
  createSession?: (init: SessionInit) => Session;
}

/** Publishes to a client's user channel and its room while its connection is cut again and again. */
async function run(
  seed: number,
  { historyDelayMs = 0, createSession }: RunOptions = {},
): Promise<Outcome> {
  const random = seeded(seed);
  const roomy = { size: PUBLICATIONS, ttlMs: 60_000, maxBytes: 1024 * 1024 };
  const server = await startServer(
    {
      broker: new FarBroker(historyDelayMs, { random, maxDelayMs: 4 }),
      rooms: { 'chat:*': { authorize: () => true } },
      limits: {
        history: roomy,
        userHistory: roomy,
        publishesPerSecond: Infinity,
        publishBurst: Infinity,
      },
    },
    createSession ? { createSession } : {},
  );
  const outcome: Outcome = { serverSide: [], clientSide: [], cuts: 0, failedRecoveries: 0 };
  const client = server.client('acme/ada');
  const room = client.newSubscription('chat:1');
  const ends = [client, room].map((source) => record(source, outcome));
  room.subscribe();
  client.connect();
  await room.ready();

  const due = cutPoints(random);
  for (let n = 0; n < PUBLICATIONS; n += 1) {
    void server.node.publish(userChannel('ada'), `{"n":${n}}`);
    void server.node.publish(roomChannel('chat:1'), `{"n":${n}}`);
    const isUp = client.state === State.Connected && room.state === SubscriptionState.Subscribed;
    if (n >= (due[0] ?? Infinity) && isUp) {
      due.shift();
      server.cutAll();
      outcome.cuts += 1;
    }
    if (random() < 0.3) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all([client.ready(), room.ready()]);
  await server.node.publish(userChannel('ada'), '{"n":-1}');
  await server.node.publish(roomChannel('chat:1'), '{"n":-1}');
  await Promise.all(ends);
  await server.stop();
  return outcome;
}

/** Notes what a source delivers; resolves with the end marker, which is not noted. */
async function record(source: Centrifuge | Subscription, outcome: Outcome): Promise<void> {
  const into = source instanceof Centrifuge ? outcome.serverSide : outcome.clientSide;
  const end = Promise.withResolvers<void>();
  const emitter = source as Subscription;
  emitter.on('publication', ({ data: { n } }: { data: { n: number } }) => {
    if (n === -1) end.resolve();
    else into.push(n);
  });
  emitter.on('subscribed', ({ wasRecovering, recovered }) => {
    if (wasRecovering && !recovered) outcome.failedRecoveries += 1;
  });
  await end.promise;
}

/** One cut in the first half of each eighth, so that there is time to come back before the next. */
function cutPoints(random: () => number): number[] {
  const eighth = PUBLICATIONS / CUTS;
  return Array.from({ length: CUTS }, (_, i) => Math.floor(eighth * (i + random() / 2)));
}

const everything = Array.from({ length: PUBLICATIONS }, (_, n) => n);
const seeds = Array.from({ length: 20 }, (_, index) => 1_000 + index);

// Most of a run is waiting: side by side they take a fraction of the time.
test.concurrent.each(seeds)(
  'seed %i: every publication arrives once, in order, through 8 cuts',
  async (seed) => {
    const outcome = await run(seed);
    expect(outcome.cuts).toBe(CUTS);
    expect(outcome.failedRecoveries).toBe(0);
    expect(outcome.serverSide).toEqual(everything);
    expect(outcome.clientSide).toEqual(everything);
  },
);

test.concurrent.each(seeds.slice(0, 3))(
  'seed %i loses some when gates open before the reply',
  async (seed) => {
    // Announcements must overtake the history that was read before them, in each join for certain.
    const createSession = (init: SessionInit) => new HastySession(init);
    const outcome = await run(seed, { historyDelayMs: 20, createSession });
    expect(outcome.cuts).toBe(CUTS);
    expect(new Set(outcome.clientSide).size).toBeLessThan(PUBLICATIONS);
    expect(outcome.serverSide).not.toEqual(everything); // here the client takes them out of order
  },
);
