import { lastingPort } from '../../services/lasting-port.ts';
import { Child, type Core } from '../child.ts';
import type { Order, StoredRow } from './cast.ts';
import type { Entry } from './history.ts';
import type { ServerReport, ServerSetup } from './server.ts';

/** Where each kind of process runs: on cores of their own, or wherever there is room. */
export type Cores = 'own' | 'any';

/** A server process of the lab, which can be killed and started again on its port. */
export class LabServer {
  readonly #setup: ServerSetup;
  readonly #core: Core;
  #child: Child;

  /** Starts one on a port that stays its own. */
  static async start(setup: Omit<ServerSetup, 'port'>, cores: Cores): Promise<LabServer> {
    const server = new LabServer({ ...setup, port: await lastingPort() }, coreOf('server', cores));
    await server.#child.ask('start', server.#setup);
    return server;
  }

  private constructor(setup: ServerSetup, core: Core) {
    this.#setup = setup;
    this.#core = core;
    this.#child = new Child('operations/server.ts', core);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/connection/websocket`;
  }

  get port(): number {
    return this.#setup.port;
  }

  async ask<T>(question: string, options: unknown = {}): Promise<T> {
    return await this.#child.ask<T>(question, options);
  }

  /** Starts operations; gives their ids. */
  async begin(orders: readonly Order[]): Promise<string[]> {
    return await this.ask('begin', { orders });
  }

  async rows(): Promise<StoredRow[]> {
    return await this.ask('rows');
  }

  async history(): Promise<Entry[]> {
    return await this.ask('history');
  }

  async report(): Promise<ServerReport> {
    return await this.ask('report');
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#child.kill();
  }

  /** Starts again, at once. */
  async restart(): Promise<void> {
    this.#child = new Child('operations/server.ts', this.#core);
    await this.#child.ask('start', this.#setup);
  }
}

/** A process of pages. */
export function newPages(cores: Cores): Child {
  return new Child('operations/pages.ts', coreOf('others', cores));
}

function coreOf(core: Core, cores: Cores): Core {
  return cores === 'own' ? core : 'any';
}
