import type { Client } from './client.ts';
import { HandlerSet, type Subscribe } from './events.ts';
import { NO_OPERATIONS, type OperationsState } from './operation-store.ts';
import { type Lease, pageRegistry } from './registry.ts';
import type { Address, Settings } from './settings.ts';
import { CONNECTING, type ConnectionState, IDLE } from './status.ts';

/** What a consumer adds to its client; the returned function takes it away. */
export type Plug = (client: Client) => () => void;

/** One mounted hook: keeps its handlers while the connection below it changes. */
export class Consumer {
  readonly #handlers = new HandlerSet();
  readonly #listeners = new Set<() => void>();
  readonly #defaults: Settings;
  #lease: Lease | null = null;

  /** `defaults` hold where neither a provider nor the page says anything. */
  constructor(defaults: Settings = {}) {
    this.#defaults = defaults;
  }

  /** Registers a handler, whether there is a connection or not. */
  readonly subscribe: Subscribe = (type, handler) => this.#handlers.subscribe(type, handler);

  /** Tries again now. */
  readonly reconnect: () => void = () => this.#lease?.client.reconnect();

  /** Calls the listener after each change of `state`, and of `operations`. */
  readonly watch: (listener: () => void) => () => void = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** The state of an address, also before this consumer has joined it. */
  state(address: Address): ConnectionState {
    if (address.userId === '') return IDLE;
    const client = pageRegistry().peek(address);
    return client ? client.state.get() : CONNECTING;
  }

  /** The operations of an address. */
  operations(address: Address): OperationsState {
    const client = address.userId === '' ? undefined : pageRegistry().peek(address);
    return client?.operations.state.get() ?? NO_OPERATIONS;
  }

  /** Joins the address's client, or none for the user id `''`; returns how to leave. */
  attach(address: Address, settings: Settings, plug?: Plug): () => void {
    const registry = pageRegistry();
    if (address.userId === '') {
      registry.enter(address);
      return () => {};
    }
    const lease = registry.acquire(address, settings, this.#defaults);
    const stopUsing = this.#use(lease);
    const unplug = plug?.(lease.client);
    return () => {
      unplug?.();
      stopUsing();
      lease.release();
    };
  }

  /** Takes newer settings; those of the address need `attach`. */
  configure(settings: Settings): void {
    this.#lease?.configure(settings);
  }

  #use(lease: Lease): () => void {
    const { client } = lease;
    this.#lease = lease;
    client.attach(this.#handlers);
    const stops = [
      client.state.subscribe(this.#notify),
      client.operations.state.subscribe(this.#notify),
    ];
    this.#notify();
    return () => {
      for (const stop of stops) stop();
      client.detach(this.#handlers);
      this.#lease = null;
    };
  }

  readonly #notify = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}
