// A node in a process of its own, which can be killed, frozen, blocked and drained.
import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:http';
import { channelKey } from '@trunkline/contract';
import {
  type Broker,
  type BrokerStats,
  type Log,
  MemoryBroker,
  Node,
  type NodeStats,
} from '@trunkline/server';
import { type ObservableBroker, redisBroker } from '@trunkline/server/redis';
import { attachWith, Session } from '@trunkline/server/testing';
import { type Answers, answer } from '../lab/child.ts';
import { quantile, StallMeter } from '../lab/stall-meter.ts';
import { type AppCounts, defaultApp } from './default-app.ts';
import type { LabApp } from './lab-app.ts';
import { type EngineSetup, type NodeSetup, setupOf } from './node-setup.ts';
import { channelOf } from './person.ts';
import { type LoadOrder, type PublishCounts, Publisher, type PublishOrder } from './publisher.ts';

/** What a node's process knows of itself; counts since its start, times since the last look. */
export interface NodeReport {
  readonly readiness: string;
  readonly stats: NodeStats;
  /** What its Redis engine knows of itself; `null`: it has a memory of its own. */
  readonly redis: BrokerStats | null;
  readonly published: PublishCounts;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly cpuMs: number;
  /** The longest time for which it did nothing else. */
  readonly stallMs: number;
  readonly stallP99Ms: number;
  readonly authenticates: number;
  /** Exceptions and rejections that nobody caught. */
  readonly uncaught: readonly string[];
  /** What it has logged as a warning or an error, by message. */
  readonly logged: Readonly<Record<string, number>>;
  /** What keeps the process alive, by kind: sockets, timers. */
  readonly resources: Readonly<Record<string, number>>;
}

/** As docs/operating.md advises. */
const httpLimits: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};
const BACKLOG = 4_096;

const stalls = new StallMeter();
const uncaught: string[] = [];
const counts: AppCounts = { authenticates: 0, logged: {} };
let cpu = process.cpuUsage();
let node: Node | null = null;
let redis: ObservableBroker | null = null;
let publisher: Publisher | null = null;
/** What the experiment's own app answers. */
let own: Answers = {};
let drain: NodeSetup['drain'];

process.on('uncaughtException', (error) => uncaught.push(String(error.stack)));
process.on('unhandledRejection', (reason) => uncaught.push(String(reason)));
process.on('SIGTERM', () => void leave());

const http = createServer(httpLimits, (request, response) => {
  const isReady = request.url === '/readyz' && node?.readiness === 'ready';
  response.writeHead(isReady ? 200 : 503).end();
});

/** As an app does on a deploy; a second signal says nothing new. */
async function leave(): Promise<void> {
  await node?.drain(drain);
  await node?.stop();
  process.exit(0);
}

const count = (message: string) => {
  counts.logged[message] = (counts.logged[message] ?? 0) + 1;
};
const log: Log = { info: () => {}, warn: count, error: count };

function brokerOf(engine: EngineSetup): Broker {
  if (engine.kind === 'memory') return new MemoryBroker();
  const { connection, subscriberConnection, prefix, options } = engine;
  redis = redisBroker({ connection, subscriberConnection, prefix, log, ...options });
  return redis;
}

async function start(text: string): Promise<void> {
  const setup = setupOf(text);
  const { name, life, engine, trustedProxies = [] } = setup;
  const app = await appOf(setup);
  drain = setup.drain;
  node = new Node({
    ...defaultApp(setup, counts, log),
    ...app.options?.(setup),
    broker: brokerOf(engine),
  });
  publisher = new Publisher(node, `${name}.${life}`, setup.ledgerFile);
  own = app.answers?.(node, publisher) ?? {};
  const newSession = app.session ?? ((init) => new Session(init));
  attachWith(http, node, { trustedProxies }, newSession);
  await node.start();
  http.listen(setup.port, '127.0.0.1', BACKLOG);
  await once(http, 'listening');
}

async function appOf({ app }: NodeSetup): Promise<LabApp> {
  if (app === undefined) return {};
  return ((await import(app)) as { readonly app: LabApp }).app;
}

function report(): NodeReport {
  const { user, system } = process.cpuUsage(cpu);
  const late = stalls.take();
  const { rss, heapUsed } = process.memoryUsage();
  cpu = process.cpuUsage();
  return {
    readiness: theNode().readiness,
    stats: theNode().stats(),
    redis: redis?.stats() ?? null,
    published: thePublisher().counts,
    rssBytes: rss,
    heapBytes: heapUsed,
    cpuMs: (user + system) / 1_000,
    stallMs: late.at(-1) ?? 0,
    stallP99Ms: quantile(late, 0.99),
    ...counts,
    uncaught,
    resources: Object.fromEntries(
      [...Map.groupBy(process.getActiveResourcesInfo(), (kind) => kind)].map(([kind, all]) => [
        kind,
        all.length,
      ]),
    ),
  };
}

function theNode(): Node {
  if (!node) throw new Error('The node has not been started: ask for `start` first');
  return node;
}

function thePublisher(): Publisher {
  if (!publisher) throw new Error('The node has not been started: ask for `start` first');
  return publisher;
}

answer({
  /** One of the questions that the experiment's own app answers. */
  own: async ({ question, options }: { question: string; options: never }) => {
    if (!own[question]) throw new Error(`The app of this node has no answer to ${question}`);
    return await own[question](options);
  },
  start: ({ setup }: { setup: string }) => start(setup),
  report,
  publish: (order: PublishOrder) => thePublisher().publish(order),
  /** Calls all of them at once, or each when the one before has ended. */
  publishAll: async ({ orders, isAwaited }: { orders: PublishOrder[]; isAwaited: boolean }) => {
    if (!isAwaited) return await Promise.all(orders.map((order) => thePublisher().publish(order)));
    const outcomes = [];
    // oxlint-disable-next-line no-await-in-loop -- that is what was asked for
    for (const order of orders) outcomes.push(await thePublisher().publish(order));
    return outcomes;
  },
  load: (order: LoadOrder) => void thePublisher().load(order),
  stopLoad: () => thePublisher().stop(),
  /** Does nothing else for that long. */
  block: ({ ms }: { ms: number }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  },
  presence: async (of: Pick<PublishOrder, 'tenantId' | 'target'>) =>
    await theNode().presence(channelKey(channelOf(of.tenantId, of.target))),
  history: async (of: Pick<PublishOrder, 'tenantId' | 'target'> & { after: number | null }) =>
    await theNode().history(channelKey(channelOf(of.tenantId, of.target)), of.after),
});
