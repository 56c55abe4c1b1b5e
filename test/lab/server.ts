// The process under test: one node behind an HTTP server on loopback, and what it can say of itself.
import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Authenticate,
  type Limits,
  Node,
  type NodeStats,
  type Principal,
  type RoomRules,
  type TenantLimits,
} from '@trunkline/server';
import { attachWith, Session } from '@trunkline/server/testing';
import { type TokenKey, TokenVerifier } from '@trunkline/server/tokens';
import { CALM } from './calm.ts';
import { answer } from './child.ts';
import { type Flooding, flood } from './flood.ts';
import { quantile, StallMeter } from './stall-meter.ts';

/** How a server of the lab differs from the defaults; all of it is printed. */
export interface ServerSetup {
  readonly limits?: Partial<Limits>;
  /** Of single tenants. */
  readonly tenants?: Readonly<Record<string, Partial<TenantLimits>>>;
  readonly trustedProxies?: readonly string[];
  readonly keys?: readonly TokenKey[];
  /** How long `authenticate` takes. */
  readonly authenticateMs?: number;
}

/** What the server publishes by itself. */
export interface Publishing {
  readonly tenant: string;
  /** Absent: to everybody in the tenant. */
  readonly room?: string;
  /** In turn to each of so many users `u0`, `u1`, … instead. */
  readonly users?: number;
  readonly perSecond: number;
  readonly bytes: number;
}

/** What the server knows of itself since the last look. */
export interface ServerReport {
  readonly stats: NodeStats;
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** The longest time for which it did nothing else. */
  readonly stallMs: number;
  readonly stallP99Ms: number;
  /** The most CPU that the taking of one frame took in its thread: decoding, and what is done at once. */
  readonly worstFrameMs: number;
  readonly frames: number;
  readonly authenticates: number;
  /** Exceptions and rejections that nobody caught, since the start. */
  readonly uncaught: number;
  /** Milliseconds from each close with 3008 to the end of its socket. */
  readonly slowEndMs: readonly number[];
}

/** As docs/operating.md advises; Node's own are 60 s, 300 s, 30 s and 16 KiB. */
const httpLimits: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};

const rooms: RoomRules = {
  'chat:*': { authorize: () => true, publish: 'members', payload: 'json' },
  'past:*': { authorize: () => true, history: { size: 500 } },
  'live:*': { authorize: () => true, presence: true, joinLeave: true },
  'closed:*': { authorize: () => false },
};

const stalls = new StallMeter();
const slowEndMs: number[] = [];
let worstFrameMs = 0;
let frames = 0;
let authenticates = 0;
let uncaught = 0;
let cpu = process.cpuUsage();

/** A session that measures what its frames cost, and how it ends. */
class TimedSession extends Session {
  #slowAt: number | null = null;

  override receive(frame: string): void {
    const begin = process.threadCpuUsage();
    super.receive(frame);
    const { user, system } = process.threadCpuUsage(begin);
    worstFrameMs = Math.max(worstFrameMs, (user + system) / 1_000);
    frames += 1;
  }

  override close(...[disconnect]: Parameters<Session['close']>): void {
    if (disconnect.code === 3008) this.#slowAt ??= performance.now();
    super.close(disconnect);
  }

  override closed(): void {
    if (this.#slowAt !== null) slowEndMs.push(performance.now() - this.#slowAt);
    this.#slowAt = null;
    super.closed();
  }
}

process.on('uncaughtException', () => (uncaught += 1));
process.on('unhandledRejection', () => (uncaught += 1));
process.on('SIGTERM', () => void leave());

const http = createServer(httpLimits, (_request, response) => response.writeHead(404).end());
let node: Node | null = null;

/** As an app does on a deploy; a second signal says nothing new. */
async function leave(): Promise<void> {
  await node?.drain();
  process.exit(0);
}

/** Reads `tenant/user/role` and, behind a `?`, in how many milliseconds that ends. */
const fromName: Authenticate = ({ token = '' }) => {
  const [name = '', lifeMs] = token.split('?');
  const [tenantId = '', userId = '', role] = name.split('/');
  if (tenantId === '') return null;
  const principal: Principal = {
    userId,
    realm: { kind: 'tenant', tenantId },
    roles: role ? [role] : [],
  };
  return lifeMs ? { ...principal, expiresAt: Date.now() + Number(lifeMs) } : principal;
};

async function start(setup: ServerSetup): Promise<string> {
  const verifier = setup.keys ? new TokenVerifier({ keys: setup.keys }) : null;
  const isCalm = (token = '') => token.startsWith(`${CALM}/`); // the healthy have no tokens
  const authenticate: Authenticate = (handshake) =>
    verifier && !isCalm(handshake.token) ? verifier.authenticate(handshake) : fromName(handshake);
  node = new Node({
    authenticate: async (handshake) => {
      authenticates += 1;
      if (setup.authenticateMs) await sleep(setup.authenticateMs);
      return await authenticate(handshake);
    },
    rooms,
    rpc: {
      echo: (_principal, data) => data,
      hang: async () => await new Promise<never>(() => {}),
    },
    onSend: () => {},
    limits: setup.limits ?? {},
    limitsFor: (tenantId) => setup.tenants?.[tenantId],
    log: { info: () => {}, warn: () => {}, error: () => {} },
    audit: { record: () => {} },
  });
  const trustedProxies = setup.trustedProxies ?? [];
  attachWith(http, node, { trustedProxies }, (init) => new TimedSession(init));
  await node.start();
  http.listen(0, '127.0.0.1', 4_096);
  await once(http, 'listening');
  return `ws://127.0.0.1:${(http.address() as AddressInfo).port}/connection/websocket`;
}

/** Publishes at a steady rate. Each says when it was due: a stall of this process is latency too. */
async function publish(publishing: Publishing): Promise<void> {
  const everyMs = 1_000 / publishing.perSecond;
  const filler = 'x'.repeat(publishing.bytes);
  let due = performance.now();
  for (let n = 1; ; n += 1) {
    due += everyMs;
    const waitMs = due - performance.now();
    if (waitMs > 0) await sleep(Math.ceil(waitMs));
    const at = performance.timeOrigin + due;
    const data = JSON.stringify({ n: numberOf(n, publishing), at, filler });
    await node?.publish(channelOf(n, publishing), data).catch(() => {});
  }
}

/** Every stream counts for itself. */
function numberOf(n: number, { users = 1 }: Publishing): number {
  return Math.floor((n - 1) / users) + 1;
}

function channelOf(n: number, { tenant, room, users }: Publishing) {
  const realm = { kind: 'tenant', tenantId: tenant } as const;
  if (users) return { realm, target: { kind: 'user', userId: `u${n % users}` } } as const;
  const target =
    room === undefined ? ({ kind: 'all' } as const) : ({ kind: 'room', room } as const);
  return { realm, target };
}

function report(): ServerReport {
  if (!node) throw new Error('it has not been started');
  const { user, system } = process.cpuUsage(cpu);
  const late = stalls.take();
  const taken: ServerReport = {
    stats: node.stats(),
    cpuMs: (user + system) / 1_000,
    rssBytes: process.memoryUsage.rss(),
    stallMs: late.at(-1) ?? 0,
    stallP99Ms: quantile(late, 0.99),
    worstFrameMs,
    frames,
    authenticates,
    uncaught,
    slowEndMs: slowEndMs.splice(0),
  };
  cpu = process.cpuUsage();
  worstFrameMs = 0;
  frames = 0;
  authenticates = 0;
  return taken;
}

answer({
  start,
  publish: (publishing: Publishing) => void publish(publishing),
  /** Fills the past of a room. */
  fill: async ({ tenant, room, count, bytes }: Publishing & { count: number }) => {
    const data = JSON.stringify('x'.repeat(bytes));
    const channel = channelOf(0, { tenant, room: room ?? 'past:1', perSecond: 1, bytes });
    for (let n = 0; n < count; n += 1) await node?.publish(channel, data);
  },
  flood: async (flooding: Flooding) => (node ? await flood(node, flooding) : null),
  report,
  opened: () => node?.stats().counts.connectionsOpened,
});
