import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  type OpenMetricsContentType,
  Registry,
} from 'prom-client';
import type { BrokerCounts } from './broker/broker.ts';
import { type CountName, countHelp } from './counters.ts';
import type { NodeStats } from './stats.ts';

/** What the metrics say of a broker's counts. */
const brokerHelp: Readonly<Record<keyof BrokerCounts, string>> = {
  connectionsLost: 'Connections to the broker that were lost.',
  lateAnswers: 'Commands that the broker did not answer in time.',
  refusals: 'Commands that the broker has answered with an error.',
  malformed: 'Messages from the broker that were none of ours, and were dropped.',
  unannounced: 'Publications that were stored and not announced: nodes find them later.',
};

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
    this.#gauge('nodes', 'Nodes that share the broker, this one included.', (stats) => stats.nodes);
    this.#gauge(
      'event_loop_lag_seconds',
      'How late the event loop was in the last sample of about a second, at worst.',
      (stats) => stats.eventLoopLagMs / 1000,
    );
    this.#addBroker();
  }

  /** One that is in this process is always there. */
  #addBroker(): void {
    this.#gauge(
      'broker_connected',
      'Whether the broker can be asked, and announces: 1 or 0.',
      ({ broker }) => (broker && !broker.isConnected ? 0 : 1),
    );
    this.#gauge(
      'broker_in_flight',
      'Commands to the broker that wait for an answer.',
      ({ broker }) => broker?.inFlight ?? 0,
    );
    this.#gauge(
      'broker_channels',
      'Channels that the broker announces to this node.',
      ({ broker }) => broker?.channels ?? 0,
    );
    for (const [name, help] of Object.entries(brokerHelp)) {
      this.#counter(
        `broker_${snakeCase(name)}`,
        help,
        ({ broker }) => broker?.[name as keyof BrokerCounts] ?? 0,
      );
    }
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
