import { defaultLimits, type Limits } from './limits.ts';

/** What is counted on a node, each thing under one name, and what the metrics say of it. */
export const countHelp = {
  connectionsOpened: 'Handshakes that became a connection.',
  originsRejected: 'Handshakes from a foreign origin, or with a cookie and none.',
  authenticationsFailed: 'Connects that authenticate refused for good.',
  publications: 'Publications that the broker took from this node.',
  publicationsFailed: 'Publications that the broker did not take, or did not answer for.',
  deliveries: 'Publications handed to a session of this node.',
  conflated: 'Lines that gave way to a newer one of the same conflation key.',
  recovered: 'Subscriptions that got all they had missed.',
  unrecovered: 'Subscriptions that could not get it: their clients were told of a gap.',
  repaired:
    'Publications that were lost on their way to this node, and read again from the history.',
  lostStreams: 'Streams of which this node has missed something that could not be read any more.',
  insufficientStates: 'Subscriptions that lost their place in a stream and were sent to recover.',
  presenceChangesDropped: 'Joins and leaves that a tenant over its bytes per second went without.',
  volatileDropped: 'Volatile publications that a slow client went without.',
  orders: 'Orders that this node has sent to the others: what was done to users.',
  ordersUnconfirmed: 'Orders that could not be sent, or that not every other node has confirmed.',
  ordersCarriedOut: 'Orders of other nodes that this one has carried out, or has tried to.',
  ordersLost: 'Times that orders may have been missed: every connection was asked about again.',
  clusterRefused:
    'Messages of other nodes that were malformed, too large or of no known kind: ignored.',
  hooksFailed: 'Hooks of the app that threw or were late.',
  isolationViolations:
    'Deliveries that the second realm check stopped. Anything but 0 is a bug: tell us.',
} as const;

/** The name of a plain count. */
export type CountName = keyof typeof countHelp;

/** What happened on a node since it was made. */
export type Counts = Readonly<Record<CountName, number>>;

/** The name of a limit is the name of its counter. */
export type LimitName = keyof Limits;

/** Counters at one moment. */
export interface CountersSnapshot {
  /** What happened since the node was made. */
  readonly counts: Counts;
  /** How often each limit was exceeded. */
  readonly limits: Readonly<Record<LimitName, number>>;
  /** Connections that this server ended, by code. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Error replies, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** A node's counters. They only go up. */
export class Counters {
  readonly counts: Record<CountName, number> = zeros(countHelp);
  /** How often each limit was exceeded. */
  readonly limits: Record<LimitName, number> = zeros(defaultLimits);
  /** Connections that this server ended, by code. */
  readonly disconnects: Map<number, number> = new Map();
  /** Error replies, by code. */
  readonly errors: Map<number, number> = new Map();

  /** As they are now. */
  get snapshot(): CountersSnapshot {
    return {
      counts: { ...this.counts },
      limits: { ...this.limits },
      disconnects: Object.fromEntries(this.disconnects),
      errors: Object.fromEntries(this.errors),
    };
  }

  count(name: CountName, by = 1): void {
    this.counts[name] += by;
  }

  countDisconnect(code: number): void {
    this.disconnects.set(code, (this.disconnects.get(code) ?? 0) + 1);
  }

  countError(code: number): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}

function zeros<T extends object>(named: T): Record<keyof T, number> {
  return Object.fromEntries(Object.keys(named).map((name) => [name, 0])) as Record<keyof T, number>;
}
