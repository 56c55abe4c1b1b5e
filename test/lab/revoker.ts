// The process under test where permissions are taken away: one node, an app that forgets what it has
// allowed, a steady stream of publications, and a ledger of what is written to whom.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { disconnects, Node } from '@trunkline/server';
import { attachWith } from '@trunkline/server/testing';
import { seeded } from '../../packages/server/test/seeded.ts';
import {
  channelsOf,
  type Kind,
  keyOf,
  LAZY,
  markOf,
  type Person,
  TENANTS,
  takenBy,
  wiresOf,
} from './cast.ts';
import { answer } from './child.ts';
import { Ledger, type Offences, WatchedSession } from './ledger.ts';
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
} from './revocable.ts';

/** How large the cast is. */
export interface RevokerOptions {
  readonly users: number;
  readonly lazyUsers: number;
  readonly perSecond: number;
  readonly seed: number;
}

/** What is taken from whom, and under which name it is counted. */
export interface Revocation {
  readonly person: Person;
  readonly kind: Kind;
  readonly label: string;
}

/** How a revocation went, as the server's process saw it. */
export interface Acknowledgement {
  /** From the call to its promise. */
  readonly latencyMs: number;
  /** When it was acknowledged, milliseconds since 1970. */
  readonly at: number;
  /** The last publication of each channel before that: no later one may arrive. */
  readonly marks: Readonly<Record<string, number>>;
  /** Bytes that the sockets of this person had in this process when it began. */
  readonly behindBytes: number;
}

/** How often what happened, since the start. */
export interface RevokerReport {
  /** Of the steady stream. */
  readonly published: number;
  readonly offences: Readonly<Record<string, Offences>>;
  readonly disconnects: Readonly<Record<string, number>>;
  readonly uncaught: number;
}

/** What is to be written to somebody who does not read. */
export interface Filling {
  readonly person: Person;
  readonly wire: string;
  /** Until more waits than the socket takes; otherwise until the socket has something. */
  readonly isQueued: boolean;
}

const BYTES = 150;
const LARGE_BYTES = 16_000;
const QUEUED = 200;
const MOST = 2_000;

const numbers = new Map<string, number>();
const ledger = new Ledger();
let random = seeded(1);
let app = new RevocableApp(random);
let node: Node | null = null;
let usersOfTenant = 0;
let published = 0;
let uncaught = 0;

process.on('uncaughtException', () => (uncaught += 1));
process.on('unhandledRejection', () => (uncaught += 1));

async function start({ users, lazyUsers, perSecond, seed }: RevokerOptions): Promise<string> {
  random = seeded(seed);
  app = new RevocableApp(random);
  usersOfTenant = users;
  node = new Node({
    ...app.options,
    limits: { maxQueuedBytes: 4 * 1024 * 1024 },
    limitsFor: (tenantId) => (tenantId === LAZY ? unhurried : undefined),
    log: { info: () => {}, warn: () => {}, error: () => {} },
    audit: { record: () => {} },
  });
  const http = createServer((_request, response) => response.writeHead(404).end());
  attachWith(http, node, {}, (init) => new WatchedSession(init, ledger));
  await node.start();
  await putIntoTeams(node, [
    ...TENANTS.flatMap((tenant) => people(tenant, users)),
    ...people(LAZY, lazyUsers),
  ]);
  http.listen(0, '127.0.0.1', 4_096);
  await once(http, 'listening');
  void publishSteadily(users, perSecond);
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/connection/websocket`;
}

const unhurried = {
  publishesPerSecond: Infinity,
  fanOutBytesPerSecond: Infinity,
  fanOutBurstBytes: Infinity,
};

async function putIntoTeams({ users }: Node, all: readonly Person[]): Promise<void> {
  for (const person of all) await users.joinRoom(addressOf(person), channelsOf(person).team);
}

/** Rooms, roles, users and tenants in turn, at random. */
async function publishSteadily(users: number, perSecond: number): Promise<void> {
  let due = performance.now();
  for (;;) {
    due += 1_000 / perSecond;
    const waitMs = due - performance.now();
    if (waitMs > 0) await sleep(Math.ceil(waitMs));
    const tenant = TENANTS[Math.floor(random() * TENANTS.length)] ?? '';
    const person = { tenant, user: Math.floor(random() * users) };
    publish(keyOf(person, wireAtRandom(person, random)), BYTES);
    published += 1;
  }
}

/** The next one of a channel, by its key in this experiment. */
function publish(key: string, bytes: number): void {
  const n = (numbers.get(key) ?? 0) + 1;
  numbers.set(key, n);
  const data = `{${markOf(key)},"n":${n},"filler":"${'x'.repeat(bytes)}"}`;
  void node?.publish(channelOfKey(key), data);
}

/**
 * Takes something away, between two publications of it: one right before the call, one right behind
 * the acknowledgement.
 */
async function revoke({ person, kind, label }: Revocation): Promise<Acknowledgement> {
  const wire = takenBy(kind, person);
  const keys = (wire === null ? wiresOf(person) : [wire]).map((name) => keyOf(person, name));
  const isTaken = (key: string) =>
    kind === 'tenant' ? key.startsWith(`${person.tenant}/`) : keys.includes(key);
  const ways = ledger.waysTo(nameOf(person));
  const behindBytes = ways.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  for (const key of new Set([...keys, keyOf(person, '@user')])) publish(key, BYTES);
  app.take(person, wire);
  const begin = performance.now();
  if (node) await takeFrom(node, kind, person);
  const latencyMs = performance.now() - begin;
  const at = performance.timeOrigin + performance.now();
  const mark = markOfTaken(kind, person);
  const marks = Object.fromEntries([...numbers].filter(([key]) => isTaken(key)));
  for (const name of concerned(kind, person)) ledger.acknowledged(name, { label, mark });
  for (const key of keys) publish(key, BYTES);
  return { latencyMs, at, marks, behindBytes };
}

/** Gives it back. */
async function give({ person, kind }: Revocation): Promise<void> {
  for (const name of concerned(kind, person)) ledger.given(name, markOfTaken(kind, person));
  app.give(person, takenBy(kind, person));
  if (node) await giveBack(node, kind, person);
}

function concerned(kind: Kind, person: Person): string[] {
  if (kind !== 'tenant') return [nameOf(person)];
  return people(person.tenant, usersOfTenant).map(nameOf);
}

async function fill({ person, wire, isQueued }: Filling): Promise<boolean> {
  const [way] = ledger.waysTo(nameOf(person));
  if (!way) return false;
  let queued = 0;
  for (let n = 0; n < MOST && queued < QUEUED; n += 1) {
    publish(keyOf(person, wire), LARGE_BYTES);
    await new Promise(setImmediate);
    if (isQueued && way.isBlocked) queued += 1;
    if (!isQueued && way.bufferedBytes > 0) await sleep(20);
    if (!isQueued && way.bufferedBytes > 0) return true;
  }
  return queued > 0;
}

answer({
  start,
  revoke,
  give,
  fill,
  /** As a node does that shuts down: politely, with all that waits. */
  dismiss: (person: Person) => {
    const { realm, userId } = addressOf(person);
    for (const connection of node?.connections.of(realm, userId) ?? []) {
      connection.close(disconnects.shutdown);
    }
  },
  /** A last one to each channel, and how many each has had then. */
  finish: () => {
    for (const key of numbers.keys()) publish(key, BYTES);
    return Object.fromEntries(numbers);
  },
  report: (): RevokerReport => ({
    published,
    offences: Object.fromEntries(ledger.offences),
    disconnects: node?.stats().disconnects ?? {},
    uncaught,
  }),
});
