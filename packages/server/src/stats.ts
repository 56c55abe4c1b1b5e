import type { Counts, LimitName } from './counters.ts';

/** Counters and sizes of a node. */
export interface NodeStats {
  readonly connections: number;
  /** Of the connections, those that nobody has authenticated yet. */
  readonly unauthenticated: number;
  /** Of the connections, those that came by plain HTTP because they could not open a WebSocket. */
  readonly httpConnections: number;
  readonly subscriptions: number;
  readonly channels: number;
  /** Tenants, the platform included, that this node has to do with. */
  readonly tenants: number;
  readonly eventLoopLagMs: number;
  /** What happened since the node was made. */
  readonly counts: Readonly<Counts>;
  /** How often each limit was exceeded. */
  readonly limits: Readonly<Record<LimitName, number>>;
  /** Connections that this server ended, by code. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Error replies, by code. */
  readonly errors: Readonly<Record<string, number>>;
}
