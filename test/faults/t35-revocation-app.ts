import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '@trunkline/server';
import { seeded } from '../../packages/server/test/seeded.ts';
import {
  channelsOf,
  type Kind,
  keyOf,
  markOf,
  type Person,
  TENANTS,
  takenBy,
} from '../lab/cast.ts';
import { Ledger, type Offences, WatchedSession } from '../lab/ledger.ts';
import {
  addressOf,
  channelOfKey,
  giveBack,
  markOfTaken,
  nameOf,
  people,
  RevocableApp,
  takeFrom,
  wireAtRandom,
} from '../lab/revocable.ts';
import { now } from './clock.ts';
import type { LabApp } from './lab-app.ts';

/** How large the cast is, and which of the nodes this is. */
export interface StreamOptions {
  readonly users: number;
  readonly nodes: number;
  readonly index: number;
  /** Of all nodes together. */
  readonly perSecond: number;
  readonly seed: number;
}

/** What is taken from whom. */
export interface Concern {
  readonly person: Person;
  readonly kind: Kind;
}

/** How a revocation went, as the node saw it that was asked for it. */
export interface Revoked {
  /** From the call to its promise; of several tries, from the first. */
  readonly latencyMs: number;
  /** When it was acknowledged, by the lab's clock. */
  readonly at: number;
  readonly tries: number;
}

/** What a node has done, and what it should not have. */
export interface StreamReport {
  readonly published: number;
  readonly offences: Readonly<Record<string, Offences>>;
}

const BYTES = 150;
const RETRY_MS = 100;
/** So much later the nodes know at most what one of them has acknowledged. */
const MEMORY_MS = 30_000;

const ledger = new Ledger(MEMORY_MS, now);
const revocable = new RevocableApp(Math.random);

/**
 * What a node publishes: to each channel that is its own one after the other, whatever happens to Redis, so that
 * each has its number and readers know what they miss.
 */
class Stream {
  readonly #node: Node;
  readonly #options: StreamOptions;
  /** By key: when each was called. */
  readonly #calls = new Map<string, number[]>();
  readonly #tails = new Map<string, Promise<void>>();
  #isOn = true;
  published = 0;

  constructor(node: Node, options: StreamOptions) {
    this.#node = node;
    this.#options = options;
  }

  /** Rooms, roles, users and tenants at random. */
  async run(): Promise<void> {
    const { users, perSecond, seed, index } = this.#options;
    const random = seeded(seed + index);
    let due = performance.now();
    while (this.#isOn) {
      due += 1_000 / perSecond;
      const waitMs = due - performance.now();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      if (waitMs > 1) await sleep(waitMs);
      const tenant = TENANTS[Math.floor(random() * TENANTS.length)] ?? '';
      const person = { tenant, user: Math.floor(random() * users) };
      this.publish(keyOf(person, wireAtRandom(person, random)));
    }
  }

  /** The next one of a channel, if it is this node's own. */
  publish(key: string): void {
    if (!this.#isOwn(key)) return;
    const before = this.#tails.get(key) ?? Promise.resolve();
    this.#tails.set(
      key,
      before.then(() => this.#publish(key)),
    );
  }

  /** How many each channel had at that moment. */
  numbersAt(at: number): Record<string, number> {
    const counts = [...this.#calls].map(([key, calls]) => [
      key,
      calls.filter((each) => each <= at).length,
    ]);
    return Object.fromEntries(counts) as Record<string, number>;
  }

  /** A last one to each; resolves when they are there. */
  async finish(): Promise<Record<string, number>> {
    this.#isOn = false;
    for (const key of this.#calls.keys()) this.publish(key);
    await Promise.all(this.#tails.values());
    return this.numbersAt(Infinity);
  }

  #isOwn(key: string): boolean {
    const { nodes, index } = this.#options;
    const sum = Buffer.from(key).reduce((total, byte) => total + byte, 0);
    return sum % nodes === index;
  }

  async #publish(key: string): Promise<void> {
    const calls = this.#calls.get(key) ?? [];
    this.#calls.set(key, calls);
    calls.push(now());
    const idempotencyKey = `${key} ${calls.length}`;
    const data = `{${markOf(key)},"n":${calls.length},"filler":"${'x'.repeat(BYTES)}"}`;
    while (!(await this.#isAccepted(key, data, idempotencyKey))) await sleep(RETRY_MS);
    this.published += 1;
  }

  async #isAccepted(key: string, data: string, idempotencyKey: string): Promise<boolean> {
    try {
      await this.#node.publish(channelOfKey(key), data, { idempotencyKey });
      return true;
    } catch {
      return false;
    }
  }
}

/** As an app does that must be sure: until it is acknowledged. */
async function insist(call: () => Promise<void>): Promise<Revoked> {
  const begin = now();
  for (let tries = 1; ; tries += 1) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- until it is acknowledged
      await call();
      const at = now();
      return { latencyMs: at - begin, at, tries };
    } catch {
      // oxlint-disable-next-line no-await-in-loop -- see above
      await sleep(RETRY_MS);
    }
  }
}

/** Whose connections it is about. */
function namesOf({ kind, person }: Concern, users: number): string[] {
  if (kind !== 'tenant') return [nameOf(person)];
  return people(person.tenant, users).map(nameOf);
}

function answersOf(node: Node) {
  let stream: Stream | null = null;
  let users = 0;
  return {
    /** Puts everybody into their team; asked of one node alone. */
    fillTeams: async (options: { users: number }) => {
      for (const person of TENANTS.flatMap((tenant) => people(tenant, options.users))) {
        // oxlint-disable-next-line no-await-in-loop -- a storm of joins is another experiment
        await node.users.joinRoom(addressOf(person), channelsOf(person).team);
      }
    },
    begin: (options: StreamOptions) => {
      users = options.users;
      stream = new Stream(node, options);
      void stream.run();
    },
    publish: ({ keys }: { keys: readonly string[] }) => {
      for (const key of keys) stream?.publish(key);
    },
    /** The app's tables, which all nodes share. */
    forbid: ({ kind, person }: Concern) => revocable.take(person, takenBy(kind, person)),
    revoke: async ({ kind, person }: Concern) =>
      await insist(async () => await takeFrom(node, kind, person)),
    acknowledged: ({ label, at, ...concern }: Concern & { label: string; at: number }) => {
      const mark = markOfTaken(concern.kind, concern.person);
      for (const name of namesOf(concern, users)) ledger.acknowledged(name, { label, mark }, at);
    },
    numbersAt: ({ at }: { at: number }) => stream?.numbersAt(at) ?? {},
    allow: (concern: Concern) => {
      const { kind, person } = concern;
      for (const name of namesOf(concern, users)) ledger.given(name, markOfTaken(kind, person));
      revocable.give(person, takenBy(kind, person));
    },
    giveBack: async ({ kind, person }: Concern) =>
      void (await insist(async () => await giveBack(node, kind, person))),
    finish: async () => (await stream?.finish()) ?? {},
    report: (): StreamReport => ({
      published: stream?.published ?? 0,
      offences: Object.fromEntries(ledger.offences),
    }),
  };
}

/** The app of T35's nodes: its tables are the experiment's, which tells all nodes what is in them. */
export const app: LabApp = {
  options: () => revocable.options,
  session: (init) => new WatchedSession(init, ledger),
  answers: answersOf,
};
