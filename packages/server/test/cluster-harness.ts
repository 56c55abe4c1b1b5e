import { createServer } from 'node:http';
import { attach, type Limits, Node, type NodeOptions } from '@trunkline/server';
import { onTestFinished } from 'vitest';
import { fromToken, MemoryLog, serve, type TestServer } from './harness.ts';
import {
  SharedMemory,
  type SharedMemoryBroker,
  type SharedMemoryBrokerOptions,
} from './shared-memory.ts';

/** A node and its way to what it shares with the others. */
export interface ClusterMember {
  readonly node: Node;
  readonly broker: SharedMemoryBroker;
  readonly log: MemoryLog;
}

/** A server of several that share a broker. */
export interface ClusterServer extends TestServer {
  readonly broker: SharedMemoryBroker;
}

/** Started nodes with a door that nobody finds, for the length of the current test. */
export class TestCluster {
  readonly memory = new SharedMemory();
  readonly #limits: Partial<Limits>;

  constructor(limits: Partial<Limits> = {}) {
    this.#limits = limits;
  }

  async start(count: number): Promise<ClusterMember[]> {
    return await Promise.all(Array.from({ length: count }, () => this.startOne()));
  }

  /** `beforeStart`: what is registered with the node. */
  async startOne(beforeStart: (node: Node) => void = () => {}): Promise<ClusterMember> {
    return await this.startWorker((node) => {
      attach(createServer(), node);
      beforeStart(node);
    });
  }

  /** One without a door. */
  async startWorker(beforeStart: (node: Node) => void = () => {}): Promise<ClusterMember> {
    const broker = this.memory.broker();
    const log = new MemoryLog();
    const audit = { record: () => {} };
    const node = new Node({ authenticate: fromToken, broker, log, audit, limits: this.#limits });
    beforeStart(node);
    await node.start();
    onTestFinished(() => node.stop());
    return { node, broker, log };
  }
}

/** Servers that share a broker, for the length of the current test. */
export async function serveCluster<N extends number>(
  count: N,
  options: Partial<NodeOptions> = {},
  brokers: SharedMemoryBrokerOptions = {},
): Promise<ServersOf<N>> {
  const memory = new SharedMemory();
  const starting = Array.from({ length: count }, async (): Promise<ClusterServer> => {
    const broker = memory.broker(brokers);
    return { ...(await serve({ broker, ...options })), broker };
  });
  return (await Promise.all(starting)) as unknown as ServersOf<N>;
}

type ServersOf<N extends number> = N extends 2
  ? [ClusterServer, ClusterServer]
  : [ClusterServer, ClusterServer, ClusterServer];
