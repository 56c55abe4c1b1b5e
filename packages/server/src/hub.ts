import { type Channel, isSameRealm, parseChannelKey, wireName } from '@trunkline/contract';
import type { Publication } from './broker/broker.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Principal } from './principal.ts';
import { type Line, publicationPush } from './protocol.ts';

/** One session in one channel, as much of it as the hub needs. */
export interface Subscriber {
  /** The client id, for logs. */
  readonly id: string;
  readonly principal: Principal;
  /** Takes one publication, already encoded. Must not throw and must not wait. */
  deliver(publication: Publication, epoch: string, push: Line): void;
  /** Ends the whole connection. */
  close(disconnect: Disconnect): void;
}

/** One connection, as much of it as a drain needs. */
export interface Connection {
  /** The client id. */
  readonly id: string;
  close(disconnect: Disconnect): void;
  /** Destroys the socket without waiting for the peer. */
  terminate(): void;
}

interface Entry {
  readonly channel: Channel;
  readonly wireName: string;
  readonly subscribers: Set<Subscriber>;
}

/** A node's index: its connections, and who subscribes to which channel. */
export class Hub {
  readonly connections: Set<Connection> = new Set();
  /** Connections that nobody has authenticated yet. */
  readonly #unauthenticated = new Set<Connection>();
  /** Who the others act for, by client id. */
  readonly #principals = new Map<string, Principal>();
  readonly #entries = new Map<string, Entry>();
  readonly #onIsolationViolation: (subscriber: Subscriber, channel: string) => void;
  #onEmpty: (() => void)[] = [];

  constructor(onIsolationViolation: (subscriber: Subscriber, channel: string) => void) {
    this.#onIsolationViolation = onIsolationViolation;
  }

  /** How many connections nobody has authenticated yet. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** Channels with at least one local subscriber. */
  get channels(): number {
    return this.#entries.size;
  }

  has(channel: string): boolean {
    return this.#entries.has(channel);
  }

  add(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel) ?? newEntry(channel);
    this.#entries.set(channel, entry);
    entry.subscribers.add(subscriber);
  }

  remove(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel);
    if (!entry?.subscribers.delete(subscriber)) return;
    if (entry.subscribers.size === 0) this.#entries.delete(channel);
  }

  /** Delivers a publication to the channel's local subscribers: encoded once, the same line to all. */
  fanOut(channel: string, publication: Publication, epoch: string): void {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    const push = publicationPush(entry.wireName, publication);
    for (const subscriber of entry.subscribers) {
      if (isSameRealm(subscriber.principal.realm, entry.channel.realm)) {
        subscriber.deliver(publication, epoch, push);
      } else {
        this.#violated(channel, subscriber);
      }
    }
  }

  addConnection(connection: Connection): void {
    this.connections.add(connection);
    this.#unauthenticated.add(connection);
  }

  /** Its principal is known: it takes no more of the room for strangers. */
  admitConnection(connection: Connection, principal: Principal): void {
    this.#unauthenticated.delete(connection);
    this.#principals.set(connection.id, principal);
  }

  /** Is this the client id of a connection of the same user in the same realm? */
  isConnectionOf(clientId: string, { userId, realm }: Principal): boolean {
    const owner = this.#principals.get(clientId);
    return owner?.userId === userId && isSameRealm(owner.realm, realm);
  }

  removeConnection(connection: Connection): void {
    this.connections.delete(connection);
    this.#unauthenticated.delete(connection);
    this.#principals.delete(connection.id);
    if (this.connections.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when the last connection has gone. */
  async emptied(): Promise<void> {
    if (this.connections.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  // The wall's second check. It must never trip; when it does, nothing is delivered.
  #violated(channel: string, subscriber: Subscriber): void {
    this.#onIsolationViolation(subscriber, channel);
    subscriber.close(disconnects.internal);
  }
}

function newEntry(key: string): Entry {
  const channel = parseChannelKey(key);
  if (!channel) throw new TypeError(`Not a channel key: ${JSON.stringify(key)}`);
  return { channel, wireName: wireName(channel.target), subscribers: new Set() };
}
