import type { NodeProcess } from './node-process.ts';
import type { Cable } from './proxy.ts';

/** A node of the lab, with a cable in each of its connections to others. */
export class LabNode {
  readonly process: NodeProcess;
  /** Between its clients and it. */
  readonly clients: Cable;
  readonly #redis: RedisCables | null;

  constructor(process: NodeProcess, clients: Cable, redis: RedisCables | null) {
    this.process = process;
    this.clients = clients;
    this.#redis = redis;
  }

  /** Where clients connect, through its cable. */
  get url(): string {
    return `ws://127.0.0.1:${this.clients.port}/connection/websocket`;
  }

  /** Between it and Redis: its commands. */
  get commands(): Cable {
    return this.#cables.commands;
  }

  /** Between it and Redis: what it subscribes to. */
  get subscriptions(): Cable {
    return this.#cables.subscriptions;
  }

  get #cables(): RedisCables {
    if (!this.#redis) throw new Error('This node has a memory of its own: there is no Redis');
    return this.#redis;
  }
}

/** A node's two ways to Redis. */
export interface RedisCables {
  readonly commands: Cable;
  readonly subscriptions: Cable;
}
