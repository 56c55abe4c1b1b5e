import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeError, type Log } from './log.ts';
import { Metrics } from './metrics.ts';
import type { Readiness } from './node.ts';
import type { NodeStats } from './stats.ts';
import { withTimeout } from './with-timeout.ts';

/** What monitoring needs of a node. */
export interface Monitored {
  readonly log: Log;
  readonly readiness: Readiness;
  stats(): NodeStats;
  /** Resolves when the broker has answered, and rejects with the reason why it cannot. */
  checkBroker(): Promise<void>;
}

/** Where the monitoring listens. */
export interface MonitoringOptions {
  /** 0: any that is free. */
  port: number;
  /** Default 127.0.0.1: there is no authentication, so only this machine may ask. */
  host?: string;
}

/** A listener for those who watch over a node. */
export interface Monitoring {
  readonly port: number;
  readonly url: string;
  /** Stops listening and ends what is connected. The second call changes nothing. */
  stop(): Promise<void>;
}

/** The monitoring could not listen where it was told to; the `cause` says why. */
export class MonitoringUnavailableError extends Error {
  override readonly name = 'MonitoringUnavailableError';
  readonly code = 'MONITORING_UNAVAILABLE';
}

const BROKER_PATIENCE_MS = 1_000;

/** Node's own are 60 s, 300 s, 30 s and 16 KiB: who sends slowly would sit here for minutes. */
const serverOptions: ServerOptions = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8 * 1024,
};

const readinessLines: Readonly<Record<Readiness, string>> = {
  ready: 'ready',
  starting: 'not started',
  draining: 'draining',
  overloaded: 'overloaded',
};

/**
 * Serves `/metrics` (OpenMetrics), `/livez` and `/readyz` on a port of their own. To be called once
 * per process: prom-client goes on observing the process after `stop`. Rejects with
 * `MonitoringUnavailableError`.
 */
export async function startMonitoring(
  node: Monitored,
  { port, host = '127.0.0.1' }: MonitoringOptions,
): Promise<Monitoring> {
  const server = createServer(serverOptions);
  await listen(server, port, host);
  const pages = pagesOf(node);
  server.on('request', (request, response) => void respond(request, response, pages, node.log));
  // Without a listener for it, a failed accept here would end the process that is watched over.
  server.on('error', (error) =>
    node.log.error('monitoring_failed', { error: describeError(error) }),
  );
  const { port: actualPort } = server.address() as AddressInfo;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`;
  return { port: actualPort, url, stop: () => stop(server) };
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch (cause) {
    throw new MonitoringUnavailableError(
      `Monitoring cannot listen on port ${port} of ${host}, choose another port or host: ${describeError(cause)}`,
      { cause },
    );
  }
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeAllConnections();
  await closed;
}

/** What is answered to a request. */
interface Page {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type ReadPage = (query: URLSearchParams) => Page | Promise<Page>;
type Pages = ReadonlyMap<string, ReadPage>;

function pagesOf(node: Monitored): Pages {
  const metrics = new Metrics(() => node.stats());
  return new Map<string, ReadPage>([
    ['/metrics', () => scrape(metrics)],
    ['/livez', () => text(200, 'ok')],
    ['/readyz', (query) => (query.get('deps') === '1' ? readyzWithBroker(node) : readyz(node))],
  ]);
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  pages: Pages,
  log: Log,
): Promise<void> {
  const { status, headers, body } = await answer(request, pages).catch((error: unknown) => {
    log.error('monitoring_failed', { error: describeError(error) });
    return text(500, 'internal server error');
  });
  const length = Buffer.byteLength(body);
  response
    .writeHead(status, { ...headers, 'content-length': length, 'cache-control': 'no-store' })
    .end(body);
}

async function answer({ method, url = '/' }: IncomingMessage, pages: Pages): Promise<Page> {
  const [path = '', query] = url.split('?', 2);
  const read = pages.get(path);
  if (!read) return text(404, `not found, there is: ${[...pages.keys()].join(' ')}`);
  if (method === 'GET' || method === 'HEAD') return await read(new URLSearchParams(query));
  return text(405, 'only GET and HEAD', { allow: 'GET, HEAD' });
}

async function scrape(metrics: Metrics): Promise<Page> {
  const body = await metrics.scrape();
  return { status: 200, headers: { 'content-type': metrics.contentType }, body };
}

function readyz({ readiness }: Monitored): Page {
  return text(statusOf(readiness), readinessLines[readiness]);
}

// The broker is reported and changes no status: all nodes have the same one, and would leave the
// load balancer at once when it fails.
async function readyzWithBroker(node: Monitored): Promise<Page> {
  const broker = await brokerHealth(node);
  const { readiness } = node;
  const body = JSON.stringify({ status: readinessLines[readiness], broker });
  return { status: statusOf(readiness), headers: { 'content-type': 'application/json' }, body };
}

async function brokerHealth(node: Monitored): Promise<object> {
  const late = () => new Error(`No answer from the broker in ${BROKER_PATIENCE_MS} ms`);
  try {
    await withTimeout(node.checkBroker(), BROKER_PATIENCE_MS, late);
    return { healthy: true };
  } catch (error) {
    return { healthy: false, error: describeError(error) };
  }
}

function statusOf(readiness: Readiness): number {
  return readiness === 'ready' ? 200 : 503;
}

function text(status: number, body: string, headers: Page['headers'] = {}): Page {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body };
}
