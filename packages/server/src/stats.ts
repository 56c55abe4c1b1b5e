import type { BrokerStats } from './broker/broker.ts';
import type { CountersSnapshot } from './counters.ts';

/** Counters and sizes of a node. */
export interface NodeStats extends CountersSnapshot {
  readonly connections: number;
  /** Of the connections, those that nobody has authenticated yet. */
  readonly unauthenticated: number;
  /** Of the connections, those that came by plain HTTP because they could not open a WebSocket. */
  readonly httpConnections: number;
  readonly subscriptions: number;
  readonly channels: number;
  /** Tenants, the platform included, that this node has to do with. */
  readonly tenants: number;
  /** Nodes that share the broker, this one included, when it looked last. */
  readonly nodes: number;
  readonly eventLoopLagMs: number;
  /** How the broker does; `null`: it is in this process. */
  readonly broker: BrokerStats | null;
}
