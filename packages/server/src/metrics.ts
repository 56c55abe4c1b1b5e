import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client';
import { type CountName, countHelp } from './counters.ts';
import type { NodeStats } from './stats.ts';

/** A node's metrics, without any label that names a tenant or a user. */
export class Metrics {
  readonly #read: () => NodeStats;
  readonly #registry = new Registry<OpenMetricsContentType>();
  readonly #updates: ((stats: NodeStats) => void)[] = [];

  constructor(read: () => NodeStats) {
    this.#read = read;
    this.#registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    collectDefaultMetrics({ register: this.#registry });
    this.#addGauges();
    this.#addCounters();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The metrics as OpenMetrics text: one look at the node, so that the numbers belong together. */
  async scrape(): Promise<string> {
    const stats = this.#read();
    for (const update of this.#updates) update(stats);
    return await this.#registry.metrics();
  }

  #addGauges(): void {
    this.#gauge('connections', 'Connections.', (stats) => stats.connections);
    this.#gauge(
      'unauthenticated_connections',
      'Connections that nobody has authenticated yet.',
      (stats) => stats.unauthenticated,
    );
    this.#gauge(
      'http_connections',
      'Connections by plain HTTP, of clients that could not open a WebSocket.',
      (stats) => stats.httpConnections,
    );
    this.#gauge(
      'subscriptions',
      'Subscriptions of all connections.',
      (stats) => stats.subscriptions,
    );
    this.#gauge('channels', 'Channels with a subscription.', (stats) => stats.channels);
    this.#gauge(
      'tenants',
      'Tenants, the platform included, that this node has to do with.',
      (stats) => stats.tenants,
    );
    this.#gauge(
      'event_loop_lag_seconds',
      'How late the event loop was in the last sample of about a second, at worst.',
      (stats) => stats.eventLoopLagMs / 1000,
    );
  }

  #addCounters(): void {
    for (const [name, help] of Object.entries(countHelp)) {
      this.#counter(snakeCase(name), help, (stats) => stats.counts[name as CountName]);
    }
    this.#counters(
      'limit_exceeded',
      'limit',
      'Times that a limit was exceeded.',
      (stats) => stats.limits,
    );
    this.#counters(
      'disconnects',
      'code',
      'Connections that the server ended, by close code.',
      (stats) => stats.disconnects,
    );
    this.#counters('error_replies', 'code', 'Error replies, by code.', (stats) => stats.errors);
  }

  #gauge(name: string, help: string, read: (stats: NodeStats) => number): void {
    const gauge = new Gauge({ name: `trunkline_${name}`, help, registers: [this.#registry] });
    this.#updates.push((stats) => gauge.set(read(stats)));
  }

  #counter(name: string, help: string, read: (stats: NodeStats) => number): void {
    const counter = this.#newCounter(name, help, []);
    this.#updates.push((stats) => {
      counter.reset();
      counter.inc(read(stats));
    });
  }

  #counters(
    name: string,
    label: string,
    help: string,
    read: (stats: NodeStats) => Readonly<Record<string, number>>,
  ): void {
    const counter = this.#newCounter(name, help, [label]);
    this.#updates.push((stats) => {
      counter.reset();
      for (const [value, count] of Object.entries(read(stats)))
        counter.inc({ [label]: value }, count);
    });
  }

  #newCounter(name: string, help: string, labelNames: string[]): Counter {
    const registers = [this.#registry];
    return new Counter({ name: `trunkline_${name}_total`, help, labelNames, registers });
  }
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
