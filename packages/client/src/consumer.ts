import type { Client } from './client.ts';
import { HandlerSet, type Subscribe } from './events.ts';
import { pageRegistry, type Registry } from './registry.ts';
import { type Address, addressKey, type Settings } from './settings.ts';
import { CONNECTING, type ConnectionState, IDLE } from './status.ts';

/** What a consumer adds to its client; the returned function takes it away. */
export type Plug = (client: Client) => () => void;

/** One mounted hook: keeps its handlers while the connection below it changes. */
export class Consumer {
  readonly #handlers = new HandlerSet();
  readonly #listeners = new Set<() => void>();
  readonly #registry: () => Registry;
  #client: Client | null = null;

  constructor(registry: () => Registry = pageRegistry) {
    this.#registry = registry;
  }

  /** Registers a handler, whether there is a connection or not. */
  readonly subscribe: Subscribe = (type, handler) => this.#handlers.subscribe(type, handler);

  /** Tries again now. */
  readonly reconnect: () => void = () => this.#client?.reconnect();

  /** Calls the listener after each change of `state`. */
  readonly watch: (listener: () => void) => () => void = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** The state of an address, also before this consumer has joined it. */
  state(address: Address): ConnectionState {
    if (address.userId === '') return IDLE;
    const client = this.#registry().peek(address);
    return client ? client.state.get() : CONNECTING;
  }

  /** Joins the address's client, or none for the user id `''`; returns how to leave. */
  attach(address: Address, settings: Settings, plug?: Plug): () => void {
    const registry = this.#registry();
    if (address.userId === '') {
      registry.enter(address);
      return () => {};
    }
    const lease = registry.acquire(address, settings);
    const stopUsing = this.#use(lease.client);
    const unplug = plug?.(lease.client);
    return () => {
      unplug?.();
      stopUsing();
      lease.release();
    };
  }

  #use(client: Client): () => void {
    this.#client = client;
    client.attach(this.#handlers);
    const stop = client.state.subscribe(this.#notify);
    this.#notify();
    return () => {
      stop();
      client.detach(this.#handlers);
      this.#client = null;
    };
  }

  readonly #notify = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}

/** Do these lead to the same connection? */
export function isSameAddress(a: Address, b: Address): boolean {
  return addressKey(a) === addressKey(b);
}
