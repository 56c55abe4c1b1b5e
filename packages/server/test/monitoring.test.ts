import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { defaultLimits, type NodeStats, type Readiness } from '@trunkline/server';
import {
  type Monitored,
  type Monitoring,
  type MonitoringOptions,
  MonitoringUnavailableError,
  startMonitoring,
} from '@trunkline/server/monitoring';
import { expect, onTestFinished, test } from 'vitest';
import { Counters, countHelp } from '../src/counters.ts';

/** As much of a node as monitoring sees. */
class FakeNode implements Monitored {
  readonly logged: unknown[] = [];
  readonly log = {
    info: () => {},
    warn: () => {},
    error: (...record: unknown[]) => void this.logged.push(record),
  };
  readonly counters = new Counters();
  readiness: Readiness = 'ready';
  sizes = {
    connections: 0,
    unauthenticated: 0,
    httpConnections: 0,
    subscriptions: 0,
    channels: 0,
    tenants: 0,
    nodes: 0,
  };
  eventLoopLagMs = 0;
  broker: NodeStats['broker'] = null;
  looks = 0;
  checkBroker: Monitored['checkBroker'] = async () => {};

  stats(): NodeStats {
    this.looks += 1;
    const { eventLoopLagMs, broker } = this;
    return { ...this.sizes, ...this.counters.snapshot, eventLoopLagMs, broker };
  }
}

async function watch(
  node: Monitored,
  options: MonitoringOptions = { port: 0 },
): Promise<Monitoring> {
  const monitoring = await startMonitoring(node, options);
  onTestFinished(() => monitoring.stop());
  return monitoring;
}

async function get(url: string): Promise<[number, string]> {
  const response = await fetch(url);
  return [response.status, await response.text()];
}

/** Reads OpenMetrics text strictly, as far as a node's text goes. */
function parse(text: string): { types: Map<string, string>; samples: Map<string, number> } {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  const lines = text.split('\n');
  expect(lines.splice(-2)).toEqual(['# EOF', '']);
  let family = '';
  for (const line of lines) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line) ?? [];
    if (keyword === 'HELP') family = name;
    if (keyword === 'TYPE') {
      expect(name).toBe(family);
      expect(types.has(name), `${name} comes once`).toBe(false);
      types.set(name, rest);
    }
    if (keyword) continue;
    const sample = /^(\w+)(\{(?:\w+="[^"]*",?)+\})? (-?[\d.e+-]+|Nan)$/.exec(line);
    if (!sample) throw new Error(`no OpenMetrics: ${line}`);
    const [, metric = '', labels = '', value] = sample;
    expect(samples.has(metric + labels), `${metric}${labels} comes once`).toBe(false);
    expect(suffixesOf(types.get(family))).toContain(metric.slice(family.length));
    samples.set(metric + labels, Number(value));
  }
  return { types, samples };
}

function suffixesOf(type: string | undefined): string[] {
  if (type === 'counter') return ['_total'];
  return type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
}

async function scrape({ url }: Monitoring): Promise<Map<string, number>> {
  const [status, text] = await get(`${url}/metrics`);
  expect(status).toBe(200);
  return parse(text).samples;
}

/** The samples that are about the node and not 0. */
function notZero(samples: Map<string, number>): Record<string, number> {
  const own = [...samples].filter(([name, value]) => name.startsWith('trunkline_') && value !== 0);
  return Object.fromEntries(own);
}

test('metrics are OpenMetrics text, with those of the process', async () => {
  const monitoring = await watch(new FakeNode());
  const response = await fetch(`${monitoring.url}/metrics`);
  expect(response.headers.get('content-type')).toBe(
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  const { types } = parse(await response.text());
  expect(types.get('trunkline_deliveries')).toBe('counter');
  expect(types.get('trunkline_connections')).toBe('gauge');
  expect(types.get('nodejs_gc_duration_seconds')).toBe('histogram');
  expect([...types.keys()]).toEqual(
    expect.arrayContaining(['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes']),
  );
});

test('every count and every limit is there from the start, at 0', async () => {
  const samples = await scrape(await watch(new FakeNode()));
  expect(notZero(samples)).toEqual(there);
  const names = [...samples.keys()];
  const counters = Object.keys(countHelp).map((name) => `trunkline_${snake(name)}_total`);
  expect(names).toEqual(expect.arrayContaining(counters));
  expect(counters).toContain('trunkline_isolation_violations_total');
  const limits = Object.keys(defaultLimits);
  expect(names.filter((name) => name.startsWith('trunkline_limit_exceeded_total'))).toEqual(
    limits.map((name) => `trunkline_limit_exceeded_total{limit="${name}"}`),
  );
});

/** A broker that is in the process is always there. */
const there = { trunkline_broker_connected: 1 };
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

test('metrics follow the node', async () => {
  const node = new FakeNode();
  const monitoring = await watch(node);
  node.counters.count('deliveries', 3);
  node.counters.limits.maxQueuedBytes += 1;
  node.counters.countDisconnect(3008);
  node.counters.countError(103);
  node.sizes = {
    connections: 6,
    unauthenticated: 5,
    httpConnections: 4,
    subscriptions: 3,
    channels: 2,
    tenants: 1,
    nodes: 3,
  };
  node.eventLoopLagMs = 250;
  node.broker = {
    ...{ isConnected: true, inFlight: 6, channels: 5 },
    ...{ connectionsLost: 4, lateAnswers: 3, refusals: 2, malformed: 1, unannounced: 9 },
  };
  const first = {
    ...there,
    trunkline_broker_in_flight: 6,
    trunkline_broker_channels: 5,
    trunkline_broker_connections_lost_total: 4,
    trunkline_broker_late_answers_total: 3,
    trunkline_broker_refusals_total: 2,
    trunkline_broker_malformed_total: 1,
    trunkline_broker_unannounced_total: 9,
    trunkline_deliveries_total: 3,
    'trunkline_limit_exceeded_total{limit="maxQueuedBytes"}': 1,
    'trunkline_disconnects_total{code="3008"}': 1,
    'trunkline_error_replies_total{code="103"}': 1,
    trunkline_connections: 6,
    trunkline_unauthenticated_connections: 5,
    trunkline_http_connections: 4,
    trunkline_subscriptions: 3,
    trunkline_channels: 2,
    trunkline_tenants: 1,
    trunkline_nodes: 3,
    trunkline_event_loop_lag_seconds: 0.25,
  };
  expect(notZero(await scrape(monitoring))).toEqual(first);
  node.counters.count('deliveries', 2);
  node.counters.countDisconnect(3001);
  node.sizes.connections = 1;
  node.broker = { ...node.broker, isConnected: false };
  const { trunkline_broker_connected: _, ...others } = first;
  expect(notZero(await scrape(monitoring))).toEqual({
    ...others,
    trunkline_deliveries_total: 5,
    'trunkline_disconnects_total{code="3001"}': 1,
    trunkline_connections: 1,
  });
});

test('the node is looked at once per scrape, and by nothing else', async () => {
  const node = new FakeNode();
  const monitoring = await watch(node);
  for (const path of ['livez', 'readyz', 'readyz?deps=1']) await get(`${monitoring.url}/${path}`);
  expect(node.looks).toBe(0);
  await Promise.all([scrape(monitoring), scrape(monitoring)]);
  expect(node.looks).toBe(2);
});

test('two listeners keep their nodes apart', async () => {
  const [quiet, busy] = [new FakeNode(), new FakeNode()];
  const monitorings = [await watch(quiet), await watch(busy)] as const;
  busy.counters.count('deliveries');
  expect(notZero(await scrape(monitorings[0]))).toEqual(there);
  expect(notZero(await scrape(monitorings[1]))).toEqual({
    ...there,
    trunkline_deliveries_total: 1,
  });
});

test.each<[Readiness, number, string]>([
  ['ready', 200, 'ready'],
  ['starting', 503, 'not started'],
  ['draining', 503, 'draining'],
  ['overloaded', 503, 'overloaded'],
])('a node that is %s is alive, and its readiness is %i', async (readiness, status, line) => {
  const node = new FakeNode();
  const { url } = await watch(node);
  node.readiness = readiness;
  expect(await get(`${url}/livez`)).toEqual([200, 'ok']);
  expect(await get(`${url}/readyz`)).toEqual([status, line]);
  const [deepStatus, json] = await get(`${url}/readyz?deps=1`);
  expect([deepStatus, JSON.parse(json)]).toEqual([
    status,
    { status: line, broker: { healthy: true } },
  ]);
});

test.each<[string, Monitored['checkBroker'], string]>([
  ['is away', () => Promise.reject(new Error('refused')), 'Error: refused'],
  ['hangs', () => new Promise(() => {}), 'Error: No answer from the broker in 1000 ms'],
  [
    'throws',
    () => {
      throw new TypeError('broken');
    },
    'TypeError: broken',
  ],
])('a broker that %s is reported and changes no status', async (_name, checkBroker, error) => {
  const node = new FakeNode();
  const { url } = await watch(node);
  node.checkBroker = checkBroker;
  const [status, json] = await get(`${url}/readyz?deps=1`);
  expect([status, JSON.parse(json)]).toEqual([
    200,
    { status: 'ready', broker: { healthy: false, error } },
  ]);
  expect(await get(`${url}/readyz`)).toEqual([200, 'ready']);
  expect(await get(`${url}/readyz?deps=0`)).toEqual([200, 'ready']);
  expect(await get(`${url}/livez`)).toEqual([200, 'ok']);
});

test.each([['/'], ['/metrics/'], ['//'], ['/livez/x'], ['/__proto__']])(
  'there is no page %s',
  async (path) => {
    const { url } = await watch(new FakeNode());
    const answer = await send(url, 'GET', path);
    expect(answer.statusCode).toBe(404);
  },
);

test.each(['/metrics', '/livez', '/readyz'])('%s can be read and nothing else', async (path) => {
  const node = new FakeNode();
  const { url } = await watch(node);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { statusCode, headers } = await send(url, method, path);
    expect([statusCode, headers.allow]).toEqual([405, 'GET, HEAD']);
  }
  expect(node.looks).toBe(0);
  const head = await send(url, 'HEAD', path);
  expect(head.statusCode).toBe(200);
  expect(Number(head.headers['content-length'])).toBeGreaterThan(0);
});

async function send(url: string, method: string, path: string): Promise<IncomingMessage> {
  const request = httpRequest(url, { method, path, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response;
}

test('a failure is logged, and its words are not sent', async () => {
  const node = new FakeNode();
  const { url } = await watch(node);
  node.stats = () => {
    throw new Error('secret');
  };
  expect(await get(`${url}/metrics`)).toEqual([500, 'internal server error']);
  expect(node.logged).toEqual([['monitoring_failed', { error: 'Error: secret' }]]);
  expect(await get(`${url}/livez`)).toEqual([200, 'ok']);
});

test('only this machine may ask, unless told otherwise', async () => {
  const { url, port } = await watch(new FakeNode());
  expect(url).toBe(`http://127.0.0.1:${port}`);
  expect(await isOpen(port, otherAddress())).toBe(false);
  const open = await watch(new FakeNode(), { port: 0, host: '0.0.0.0' });
  expect(await isOpen(open.port, otherAddress())).toBe(true);
});

/** An address of this machine where only what listens on all of them answers. */
function otherAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return outer?.address ?? '127.0.0.2';
}

async function isOpen(port: number, host: string): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test('a port that is taken is an error that says so', async () => {
  const { port } = await watch(new FakeNode());
  const error = await startMonitoring(new FakeNode(), { port }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MonitoringUnavailableError);
  expect(error).toMatchObject({
    code: 'MONITORING_UNAVAILABLE',
    message: expect.stringContaining(`port ${port} of 127.0.0.1, choose another`),
    cause: { code: 'EADDRINUSE' },
  });
});

test('a port that is none is an error that says so', async () => {
  await expect(startMonitoring(new FakeNode(), { port: 70_000 })).rejects.toMatchObject({
    code: 'MONITORING_UNAVAILABLE',
    cause: { code: 'ERR_SOCKET_BAD_PORT' },
  });
});

test('headers that are too large or too slow are cut off', async () => {
  const { url, port } = await watch(new FakeNode());
  const large = httpRequest(`${url}/livez`, { headers: { large: 'x'.repeat(9_000) } }).end();
  const [response] = (await once(large, 'response')) as [IncomingMessage];
  expect(response.resume().statusCode).toBe(431);
  const slow = connect(port, '127.0.0.1').setEncoding('utf8');
  slow.write('GET /livez HTTP/1.1\r\n');
  const startedAt = performance.now();
  const [answer] = (await once(slow, 'data')) as [string];
  expect(answer).toContain(' 408 ');
  expect(performance.now() - startedAt).toBeLessThan(7_000);
  slow.destroy();
});

test('stop ends what is connected, frees the port and can be repeated', async () => {
  const node = new FakeNode();
  const monitoring = await watch(node);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const request = httpRequest(`${monitoring.url}/livez`, { agent }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const { socket: kept } = response.resume();
  await once(response, 'end');
  const silent = connect(monitoring.port, '127.0.0.1').on('error', () => {});
  await once(silent, 'connect');
  const ended = [kept, silent].map((socket) => once(socket, 'close'));
  const startedAt = performance.now();
  await Promise.all([monitoring.stop(), monitoring.stop()]);
  await Promise.all(ended);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  const again = await watch(node, { port: monitoring.port });
  expect(again.port).toBe(monitoring.port);
});
