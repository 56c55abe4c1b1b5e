import { Client } from './client.ts';
import { HandlerSet } from './events.ts';
import { warn } from './log.ts';
import { type Address, addressKey, isSameSetting, type Settings } from './settings.ts';
import { Store } from './store.ts';

/** A consumer's hold on a client. */
export interface Lease {
  readonly client: Client;
  /** Takes the consumer's newest settings. */
  configure(settings: Settings): void;
  /** Lets go; the last one leaves the client 5 s to be taken up again. */
  release(): void;
}

interface Entry {
  readonly client: Client;
  readonly key: string;
  consumers: number;
  linger: ReturnType<typeof setTimeout> | undefined;
}

const LINGER_MS = 5000;
/** A page that comes and goes for days must not keep every client that it ever had. */
const MAX_DEPARTED = 5;

/** All clients of a page: one for each address. */
export class Registry {
  /** Handlers that hear every client in use. */
  readonly handlers: HandlerSet = new HandlerSet();
  /** The clients in use, the oldest first. */
  readonly clients: Store<readonly Client[]> = new Store<readonly Client[]>([]);
  readonly #entries = new Map<string, Entry>();
  /** Closed as unused: what they have shown may still be on the screen. */
  readonly #departed = new Set<Entry>();
  #settings: Settings | null = null;
  #hasWarned = false;

  /** The page-wide settings. */
  get settings(): Settings {
    return this.#settings ?? {};
  }

  /** Sets the page-wide settings. The first call counts; one that says something else throws. */
  configure(settings: Settings): void {
    if (this.#settings && !isSameSetting(this.#settings, settings)) {
      throw new Error(
        'configureTrunkline was called before with other settings. Call it once, at the start; ' +
          'use <TrunklineProvider> for settings that differ between parts of the page.',
      );
    }
    this.#settings ??= settings;
  }

  /** The client of an address, if there is one. */
  peek(address: Address): Client | undefined {
    return this.#entries.get(addressKey(address))?.client;
  }

  /** The client in use, the oldest of those that fit: hooks without a user id follow it. */
  find({ url, tenantId }: Pick<Settings, 'url' | 'tenantId'>): Client | undefined {
    return this.clients
      .get()
      .find(
        ({ address }) =>
          (url === undefined || url === address.url) &&
          (tenantId === undefined || tenantId === address.tenantId),
      );
  }

  /** Calls back with the client that `find` finds, and with each after it; returns how to stop. */
  follow(
    settings: Pick<Settings, 'url' | 'tenantId'>,
    onClient: (client: Client) => () => void,
  ): () => void {
    let followed: Client | undefined;
    let stopUsing = () => {};
    const check = () => {
      const client = this.find(settings);
      if (client === followed) return;
      followed = client;
      stopUsing();
      stopUsing = () => {};
      if (client && client === followed) stopUsing = onClient(client);
    };
    const stopWatching = this.clients.subscribe(check);
    check();
    return () => {
      stopWatching();
      stopUsing();
    };
  }

  /**
   * A page of this identity is here, or of nobody (user id `''`): ends every other client that no
   * page uses any more, and takes its toasts off the screen, before anything new connects.
   */
  enter(address: Address): void {
    const key = addressKey(address);
    for (const entry of [...this.#entries.values()]) {
      if (entry.key !== key && entry.consumers === 0) this.#close(entry, 'switched');
    }
    for (const entry of this.#departed) {
      if (entry.key !== key) this.#forget(entry);
    }
  }

  /** The client of an address, connecting if it is new; `defaults` are for what nobody sets. */
  acquire(address: Address, settings: Settings, defaults: Settings = {}): Lease {
    this.enter(address);
    const known = this.#entries.get(addressKey(address));
    const entry = known ?? this.#create(address, defaults);
    clearTimeout(entry.linger);
    const share = entry.client.share(settings);
    if (!known) this.#open(entry);
    if (++entry.consumers === 1) this.#join(entry);
    let isHeld = true;
    return {
      client: entry.client,
      configure: (newest) => share.configure(newest),
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        share.leave();
        if (--entry.consumers === 0) this.#leave(entry);
      },
    };
  }

  #create(address: Address, defaults: Settings): Entry {
    this.#warnOfSecondUser(address);
    const client = new Client(address, defaults);
    return { client, key: addressKey(address), consumers: 0, linger: undefined };
  }

  #open(entry: Entry): void {
    const { client } = entry;
    try {
      client.connect();
    } catch (error) {
      client.close('switched');
      throw error;
    }
    this.#entries.set(entry.key, entry);
  }

  #join({ client }: Entry): void {
    client.attach(this.handlers);
    this.clients.set([...this.clients.get(), client]);
  }

  #leave(entry: Entry): void {
    entry.client.detach(this.handlers);
    this.clients.set(this.clients.get().filter((client) => client !== entry.client));
    const others = [...this.#entries.values()].filter(({ key }) => key !== entry.key);
    // the page is somebody else's already
    if (others.some(({ consumers }) => consumers > 0)) this.#close(entry, 'switched');
    else entry.linger = setTimeout(() => this.#close(entry, 'unused'), LINGER_MS);
  }

  #close(entry: Entry, reason: 'switched' | 'unused'): void {
    clearTimeout(entry.linger);
    this.#entries.delete(entry.key);
    entry.client.close(reason);
    if (reason === 'unused' && entry.client.toasts.hasShown) this.#remember(entry);
  }

  #remember(entry: Entry): void {
    this.#departed.add(entry);
    const [oldest] = this.#departed;
    if (this.#departed.size > MAX_DEPARTED && oldest) this.#forget(oldest);
  }

  #forget(entry: Entry): void {
    entry.client.toasts.clear();
    this.#departed.delete(entry);
  }

  #warnOfSecondUser({ userId }: Address): void {
    const others = this.clients.get().map(({ address }) => address.userId);
    const other = others.find((id) => id !== userId);
    if (other === undefined || this.#hasWarned) return;
    this.#hasWarned = true;
    warn(
      `Users ${JSON.stringify(other)} and ${JSON.stringify(userId)} are on one page at the same ` +
        'time: that makes two connections. Usually one component has an outdated user id.',
    );
  }
}

const KEY = Symbol.for('trunkline.client');

/** The page's registry: one, even if two bundles of this module are loaded. */
export function pageRegistry(): Registry {
  const page = globalThis as { [KEY]?: Registry };
  page[KEY] ??= new Registry();
  return page[KEY];
}

/** Sets how every hook of the page connects: call it once, before the first one is mounted. */
export function configureTrunkline(settings: Settings): void {
  pageRegistry().configure(settings);
}
