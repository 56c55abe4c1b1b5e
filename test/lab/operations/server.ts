// A server that runs operations: HTTP and WebSocket, a node and a database. It is killed without warning.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import {
  type OperationLimits,
  type OperationLog,
  Operations,
  type PublishOperation,
  type Runner,
} from '@trunkline/operations';
import { attach, type Limits, Node } from '@trunkline/server';
// What OperationsModule makes of its parts, without Nest: its decorators need a compiler.
import { answerOperationCalls } from '../../../packages/nestjs/src/operation-calls.ts';
import { AmbientOperationContext } from '../../../packages/nestjs/src/operation-context.ts';
import { operationPublisher } from '../../../packages/nestjs/src/operation-publisher.ts';
import { seeded } from '../../../packages/server/test/seeded.ts';
import { answer } from '../child.ts';
import { quantile } from '../stall-meter.ts';
import { BreakableBroker, type BrokerHealth } from './breakable-broker.ts';
import { audienceOf, type Order, principalOf } from './cast.ts';
import { keepHistory, readHistory } from './history.ts';
import { RowCheck, type RowCheckReport } from './row-check.ts';
import { type RunOrder, Runs } from './runs.ts';
import { type Ground, openStore, readRows, type Store } from './store.ts';
import { WatchedDatabase } from './watched-database.ts';
import { durableWork, plainWork, Works } from './works.ts';

/** How a server of the lab is set up; what is not said is as by default. */
export interface ServerSetup {
  readonly ground: Ground;
  /** 0: any. */
  readonly port: number;
  readonly limits?: Partial<OperationLimits>;
  readonly nodeLimits?: Partial<Limits>;
  /** With pg-boss, which hands out so many durable operations at once; absent: there are none. */
  readonly durable?: { readonly atOnce: number };
  /** Does it wait with those until it is told to take them? */
  readonly isReserve?: boolean;
  /** Keeps what becomes of every row, and looks whether each is written before its event is sent. */
  readonly isWatched: boolean;
}

/** What a server knows of itself, since its start. */
export interface ServerReport {
  /** How often work has told its progress. */
  readonly events: number;
  /** Updates that were published, for each once, however many hear of it. */
  readonly published: number;
  /** To single clients. */
  readonly deliveries: number;
  readonly connectionsOpened: number;
  /** Of the engine. */
  readonly statements: number;
  readonly writes: number;
  /** Statements by what they are for. */
  readonly kinds: Readonly<Record<string, number>>;
  /** How long progress took to be written: the middle, and the 99th percentile. */
  readonly progressMs: readonly [p50: number, p99: number];
  readonly rowCheck: RowCheckReport;
  /** Updates that are not out yet. */
  readonly unpublished: number;
  readonly running: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly uncaught: readonly string[];
}

/** How often connections break: each so long after it has begun. */
export interface Flapping {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seed: number;
}

const STARTED_AT_ONCE = 20;

const works = new Works();
const runs = new Runs();
const uncaught: string[] = [];
const sockets = new Set<Socket>();
const broker = new BreakableBroker();
const http = createServer((_request, response) => response.writeHead(404).end());
let node: Node | null = null;
let store: Store | null = null;
let database: WatchedDatabase | null = null;
let operations: Operations | null = null;
let rowCheck: RowCheck | null = null;
let published = 0;
let flapping: (Flapping & { readonly random: () => number }) | null = null;

process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error)));

function started<T>(thing: T | null): T {
  if (thing === null) throw new Error('it has not been started');
  return thing;
}

const quiet: OperationLog = { info: () => {}, warn: () => {}, error: () => {} };

async function start(setup: ServerSetup): Promise<number> {
  node = new Node({
    authenticate: ({ token }) => principalOf(token),
    broker,
    limits: setup.nodeLimits ?? {},
    log: quiet,
    audit: { record: () => {} },
  });
  attach(http, node);
  store = await openStore(setup.ground);
  database = new WatchedDatabase(store.database, runs);
  rowCheck = setup.isWatched ? new RowCheck(store.beside) : null;
  operations = await Operations.open({
    database,
    publish: counted(operationPublisher(node)),
    context: new AmbientOperationContext(node),
    runner: setup.durable ? await runnerFor(store, setup.durable) : undefined,
    limits: setup.limits ?? {},
    log: quiet,
  });
  answerOperationCalls(node, operations);
  if (setup.isWatched) await keepHistory(store.beside);
  operations.handle(plainWork, works.work);
  if (setup.durable && !setup.isReserve) operations.handle(durableWork, works.work);
  await node.start();
  http.on('connection', flap);
  http.listen(setup.port, '127.0.0.1', 4096);
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}

async function runnerFor({ forBoss }: Store, { atOnce }: { atOnce: number }): Promise<Runner> {
  const { pgBossRunner } = await import('@trunkline/operations/pg-boss');
  return pgBossRunner({ ...forBoss, concurrency: atOnce, log: quiet });
}

function counted(publish: PublishOperation): PublishOperation {
  return async (message) => {
    await rowCheck?.check(message);
    published += 1;
    return await publish(message);
  };
}

/** Breaks a connection some time after it has begun, as long as that is wanted. */
function flap(socket: Socket): void {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  if (!flapping) return;
  const { fromMs, toMs, random } = flapping;
  const timer = setTimeout(
    () => {
      if (flapping) socket.resetAndDestroy();
    },
    fromMs + random() * (toMs - fromMs),
  );
  socket.on('close', () => clearTimeout(timer));
}

/** From now on connections break; those that are there already, too. */
function beginFlapping(how: Flapping): void {
  flapping = { ...how, random: seeded(how.seed) };
  for (const socket of sockets) flap(socket);
}

/** Starts them, some at a time, and gives their ids in the same order. */
async function begin({ orders }: { orders: readonly Order[] }): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < orders.length; at += STARTED_AT_ONCE) {
    const some = orders.slice(at, at + STARTED_AT_ONCE);
    // oxlint-disable-next-line no-await-in-loop -- some at a time
    ids.push(...(await Promise.all(some.map(beginOne))));
  }
  return ids;
}

async function beginOne(order: Order): Promise<string> {
  const { tenant, user, isDurable, steps, stepMs, seed } = order;
  const as = principalOf(`${tenant}/${user}/`);
  if (!as) throw new Error(`${tenant} is no tenant`);
  const { id } = await started(operations).start(isDurable ? durableWork : plainWork, {
    as,
    input: { steps, stepMs, seed },
    audience: audienceOf(order),
    durable: isDurable,
  });
  return id;
}

function report(): ServerReport {
  const { user, system } = process.cpuUsage();
  const { counts } = started(node).stats();
  const { statements, writes, counts: kinds, progressMs } = started(database);
  const sorted = progressMs.toSorted((a, b) => a - b);
  const { unpublished, running } = started(operations).stats;
  return {
    events: works.events,
    published,
    deliveries: counts.deliveries,
    connectionsOpened: counts.connectionsOpened,
    statements,
    writes,
    kinds: { ...kinds },
    progressMs: [quantile(sorted, 0.5), quantile(sorted, 0.99)],
    rowCheck: rowCheck?.report ?? { checked: 0, unanswered: 0, ahead: [] },
    unpublished,
    running,
    cpuMs: (user + system) / 1000,
    rssBytes: process.memoryUsage.rss(),
    uncaught,
  };
}

answer({
  start,
  begin,
  report,
  hold: () => works.hold(),
  go: () => works.go(),
  progress: () => ({ begun: works.begun, percentage: works.percentage }),
  /** Runs durable operations, too. */
  takeDurable: () => void started(operations).handle(durableWork, works.work),
  flap: beginFlapping,
  calm: () => {
    flapping = null;
  },
  breakBroker: ({ health }: { health: BrokerHealth }) => {
    broker.health = health;
  },
  run: ({ order, isHeld }: { order: RunOrder; isHeld: boolean }) =>
    runs.begin(started(operations), order, isHeld),
  held: () => runs.held,
  release: () => runs.release(),
  outcomes: async () => await runs.outcomes(),
  rows: async () => await readRows(started(store).beside),
  history: async () => await readHistory(started(store).beside),
});
