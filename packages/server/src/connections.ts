import { isSameRealm, type Realm } from '@trunkline/contract';
import { addressBlock } from './client-address.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Principal } from './principal.ts';
import { SmallSet } from './small-set.ts';
import type { Tenant } from './tenants.ts';

/** One connection, as much of it as its node needs. */
export interface Connection {
  /** The client id. */
  readonly id: string;
  /** Where it comes from: the client's own address, behind whatever proxies are trusted. */
  readonly address: string;
  /** Has it not even said who it wants to be? */
  readonly isSilent: boolean;
  /** Who it acts for; `null`: nobody yet. */
  readonly actsFor: Principal | null;
  close(disconnect: Disconnect): void;
  /** Destroys the socket without waiting for the peer. */
  terminate(): void;
  /** Subscribes it to a room of its realm, and tells it. Rejects when that fails. */
  joinRoom(room: string): Promise<void>;
  /** Ends its subscription to a room, if it is meant: after that, nothing of it is written. */
  leaveRoom(room: string, whose?: Leaving): Promise<void>;
  /** Asks anew what it may hear, and changes its subscriptions. Never rejects: it rather ends it. */
  refreshPermissions(): Promise<void>;
  /** Ends it without a word more than why; resolves when it has gone. */
  expel(disconnect: Disconnect): Promise<void>;
  /** Resolves when it has given a sign of life, or was ended because it gave none in that time. */
  probe(timeoutMs: number): Promise<void>;
  /** Pushes JSON text on one line, on no channel. */
  message(data: string): void;
  /** From here on it ends then; `null`: not by itself. */
  extend(expiresAt: number | null): void;
}

/** Who leaves a room: whoever is in it (default), or who was put into it and did not ask. */
export type Leaving = 'anybody' | 'put-in';

/** What the book of connections works with. */
export interface ConnectionsOptions {
  readonly limits: Limits;
  tenantOf(realm: Realm): Tenant;
  readonly onExceeded: (limit: PlaceLimit, who: Newcomer) => void;
}

type PlaceLimit = 'maxConnectionsPerUser' | 'maxConnectionsPerTenant';

/** Who found no place, for the record. */
interface Newcomer {
  readonly realm: Realm;
  readonly userId: string;
  readonly clientId: string;
  readonly address: string;
}

/** A client says who it is in the first milliseconds; who waits longer waits for something else. */
const SILENCE_MS = 1_000;

/** A node's connections: who they are, and how many of whom. */
export class Connections implements Iterable<Connection> {
  readonly #options: ConnectionsOptions;
  readonly #byId = new Map<string, Connection>();
  /** How many nobody has authenticated yet, in all and by address. */
  readonly #unauthenticated = new Map<Connection, { readonly since: number }>();
  readonly #strangers = new Map<string, number>();
  readonly #users = new Map<string, SmallSet<Connection>>();
  /** On their way out: they count to nobody any more, but may still be saying what waited. */
  readonly #leaving = new Set<Connection>();
  /** How many of a user's wait for a place that another of theirs may give up. */
  readonly #waiting = new Map<string, number>();
  #onEmpty: (() => void)[] = [];

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byId.size;
  }

  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** Connections from an address, or the block that it is one of, that nobody has authenticated yet. */
  strangersFrom(address: string): number {
    return this.#strangers.get(addressBlock(address)) ?? 0;
  }

  /** Ends the oldest that has said nothing for a while. `false`: there is none. */
  endSilentStranger(): boolean {
    const silentSince = performance.now() - SILENCE_MS;
    for (const [connection, { since }] of this.#unauthenticated) {
      if (since > silentSince) return false;
      if (!connection.isSilent) continue;
      connection.close(disconnects.tooManyRequests); // an honest one that is slow comes back
      return true;
    }
    return false;
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#byId.values();
  }

  byId(clientId: string): Connection | undefined {
    return this.#byId.get(clientId);
  }

  /** The connections of a user in a realm. */
  of(realm: Realm, userId: string): Connection[] {
    return [...(this.#users.get(userKey(realm, userId))?.list ?? [])];
  }

  /** The same, and those on their way out. */
  everyOf(realm: Realm, userId: string): Connection[] {
    const isTheirs = ({ actsFor }: Connection) =>
      actsFor?.userId === userId && isSameRealm(actsFor.realm, realm);
    return [...this.of(realm, userId), ...[...this.#leaving].filter(isTheirs)];
  }

  /** The connections of everybody in a realm, those on their way out included. */
  ofRealm(realm: Realm): Connection[] {
    return [...this].filter(({ actsFor }) => actsFor && isSameRealm(actsFor.realm, realm));
  }

  /** Has the user as many connections as a user may have? */
  isFullFor(realm: Realm, userId: string): boolean {
    if (userId === '') return false; // nobody in particular
    const { maxConnectionsPerUser } = this.#options.tenantOf(realm).limits;
    return this.of(realm, userId).length >= maxConnectionsPerUser;
  }

  /**
   * After a change of network all of a user's connections come again while the old ones still count.
   * Where one more would be too many, those that give no sign of life in that time are ended first. It is
   * known who waits: no stranger is kept out meanwhile. Throws `Disconnect` 3504 when as many wait already.
   */
  async makeSpaceFor(
    connection: Connection,
    principal: Principal,
    timeoutMs: number,
  ): Promise<void> {
    const { realm, userId } = principal;
    if (!this.isFullFor(realm, userId)) return;
    const key = userKey(realm, userId);
    const waiting = this.#waiting.get(key) ?? 0;
    const { maxConnectionsPerUser } = this.#options.tenantOf(realm).limits;
    if (waiting >= maxConnectionsPerUser)
      this.#refuse('maxConnectionsPerUser', connection, principal);
    this.#forgetStranger(connection);
    this.#waiting.set(key, waiting + 1);
    try {
      await Promise.all(this.of(realm, userId).map((other) => other.probe(timeoutMs)));
    } finally {
      const left = (this.#waiting.get(key) ?? 1) - 1;
      if (left > 0) this.#waiting.set(key, left);
      else this.#waiting.delete(key);
    }
  }

  /** Is this the client id of a connection of the same user in the same realm? */
  isConnectionOf(clientId: string, { userId, realm }: Principal): boolean {
    const connection = this.#byId.get(clientId);
    const owner = connection?.actsFor;
    return owner?.userId === userId && isSameRealm(owner.realm, realm);
  }

  add(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    this.#unauthenticated.set(connection, { since: performance.now() });
    const { address } = connection;
    this.#strangers.set(addressBlock(address), this.strangersFrom(address) + 1);
  }

  /**
   * Its principal is known: it is no stranger any more. Throws `Disconnect` 3504 when the user or the
   * tenant has as many as it may have.
   */
  admit(connection: Connection, principal: Principal): void {
    const { realm, userId } = principal;
    this.#checkLimits(connection, principal);
    this.#forgetStranger(connection);
    this.#options.tenantOf(realm).connections += 1;
    const key = userKey(realm, userId);
    const ofUser = this.#users.get(key) ?? new SmallSet();
    ofUser.add(connection);
    this.#users.set(key, ofUser);
  }

  /** It is about to go: it counts to nobody any more, whenever its socket does. */
  leave(connection: Connection): void {
    this.#forgetStranger(connection);
    this.#forgetPrincipal(connection);
    this.#leaving.add(connection);
  }

  /** It has gone. */
  remove(connection: Connection): void {
    this.leave(connection);
    this.#byId.delete(connection.id);
    this.#leaving.delete(connection);
    if (this.#byId.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when the last connection has gone. */
  async emptied(): Promise<void> {
    if (this.#byId.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  #checkLimits(connection: Connection, principal: Principal): void {
    const { realm, userId } = principal;
    const { limits, connections } = this.#options.tenantOf(realm);
    if (this.isFullFor(realm, userId)) this.#refuse('maxConnectionsPerUser', connection, principal);
    if (connections >= limits.maxConnectionsPerTenant) {
      this.#refuse('maxConnectionsPerTenant', connection, principal);
    }
  }

  #refuse(
    limit: PlaceLimit,
    { id: clientId, address }: Connection,
    { realm, userId }: Principal,
  ): never {
    this.#options.onExceeded(limit, { realm, userId, clientId, address });
    throw disconnects.connectionLimit;
  }

  #forgetStranger(connection: Connection): void {
    if (!this.#unauthenticated.delete(connection)) return;
    const block = addressBlock(connection.address);
    const left = this.strangersFrom(connection.address) - 1;
    if (left > 0) this.#strangers.set(block, left);
    else this.#strangers.delete(block);
  }

  // Each is forgotten when it begins to go and when it has gone: only once does it count.
  #forgetPrincipal(connection: Connection): void {
    const { actsFor: principal } = connection;
    if (!principal) return;
    const key = userKey(principal.realm, principal.userId);
    const ofUser = this.#users.get(key);
    if (!ofUser?.delete(connection)) return;
    this.#options.tenantOf(principal.realm).connections -= 1;
    if (ofUser.size === 0) this.#users.delete(key);
  }
}

// A tenant's id holds no space, and the platform's key begins with one.
function userKey(realm: Realm, userId: string): string {
  return `${realm.kind === 'tenant' ? realm.tenantId : ''} ${userId}`;
}
