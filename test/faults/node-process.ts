import { join } from 'node:path';
import type { ClientInfo, History } from '@trunkline/server';
import type { Published } from '../../packages/server/test/model/ledger.ts';
import { Child, type Core, fromSources } from '../lab/child.ts';
import { lastingPort } from '../services/lasting-port.ts';
import type { NodeReport } from './node-child.ts';
import { type NodeSetup, setupText } from './node-setup.ts';
import type { LoadOrder, PublishOrder, PublishOutcome } from './publisher.ts';
import { readPublisherLedger } from './publisher-ledger.ts';
import type { Wards } from './wards.ts';

/** How a node's process is started; the rest is seen to. */
export interface NodeInit extends Omit<NodeSetup, 'port' | 'ledgerFile' | 'life'> {
  /** Where its ledger is. */
  readonly folder: string;
  /** Default `any`. */
  readonly core?: Core;
  readonly wards: Wards;
}

type Stream = Pick<PublishOrder, 'tenantId' | 'target'>;

/** A node in a process of its own. It keeps its port and its ledger over all its lives. */
export class NodeProcess {
  readonly #setup: Omit<NodeSetup, 'life'>;
  readonly #core: Core;
  readonly #wards: Wards;
  #child: Child;
  #life = 0;

  static async start({ folder, core = 'any', wards, ...init }: NodeInit): Promise<NodeProcess> {
    const ledgerFile = join(folder, `${init.name}.ledger`);
    const setup = { ...init, ledgerFile, port: await lastingPort() };
    const node = new NodeProcess(setup, core, wards);
    await node.#begin();
    return node;
  }

  private constructor(setup: Omit<NodeSetup, 'life'>, core: Core, wards: Wards) {
    this.#setup = setup;
    this.#core = core;
    this.#wards = wards;
    this.#child = this.#spawn();
  }

  get name(): string {
    return this.#setup.name;
  }

  get port(): number {
    return this.#setup.port;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get isRunning(): boolean {
    return !this.#child.hasExited;
  }

  /** Asks for what the experiment's own app answers. */
  async ask<T>(question: string, options: unknown = {}): Promise<T> {
    return await this.#child.ask('own', { question, options });
  }

  async publish(order: PublishOrder): Promise<PublishOutcome> {
    return await this.#child.ask('publish', order);
  }

  async publishAll(orders: readonly PublishOrder[], isAwaited = false): Promise<PublishOutcome[]> {
    return await this.#child.ask('publishAll', { orders, isAwaited });
  }

  /** Publishes steadily, from now on and in the place of what it did before. */
  async load(order: LoadOrder): Promise<void> {
    await this.#child.ask('load', order);
  }

  /** Resolves when nothing is under way any more. */
  async stopLoad(): Promise<void> {
    await this.#child.ask('stopLoad');
  }

  async report(): Promise<NodeReport> {
    return await this.#child.ask('report');
  }

  async presence(of: Stream): Promise<ClientInfo[]> {
    return await this.#child.ask('presence', of);
  }

  async history(of: Stream, after: number | null): Promise<History> {
    return await this.#child.ask('history', { ...of, after });
  }

  /** Its event loop stands still for that long; resolves when it runs again. */
  async block(ms: number): Promise<void> {
    await this.#child.ask('block', { ms });
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#child.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child.signal('SIGCONT');
  }

  /** SIGTERM, and nothing more: it drains. */
  terminate(): void {
    this.#child.signal('SIGTERM');
  }

  /** Resolves with its exit code. */
  async exited(): Promise<number | null> {
    await this.#child.exited();
    return this.#child.exitCode;
  }

  async kill9(): Promise<void> {
    await this.#child.kill();
  }

  /** Starts it again, after its end. */
  async restart(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.name} still runs: kill it first`);
    this.#life += 1;
    this.#child = this.#spawn();
    await this.#begin();
  }

  /** What it has published in all its lives. */
  async ledger(): Promise<Published[]> {
    return await readPublisherLedger(this.name, this.#setup.ledgerFile);
  }

  #spawn(): Child {
    const program = fromSources(this.#setup.fault);
    return this.#wards.watch(new Child('../faults/node-child.ts', this.#core, program));
  }

  async #begin(): Promise<void> {
    await this.#child.ask('start', { setup: setupText({ ...this.#setup, life: this.#life }) });
  }
}
