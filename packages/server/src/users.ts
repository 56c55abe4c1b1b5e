import { channelKey, isReservedRoom, isRoom, type Realm } from '@trunkline/contract';
import type { AuditEntry } from './audit.ts';
import type { Broker } from './broker/broker.ts';
import type { Connection, Connections } from './connections.ts';
import { type Disconnect, disconnects, LimitExceededError } from './errors.ts';
import type { Limits } from './limits.ts';
import { actingAsOf, type Principal } from './principal.ts';
import { requireOneLine } from './protocol/line.ts';
import { RecentChanges } from './recent-changes.ts';
import { Sequences } from './sequences.ts';
import type { Tenant } from './tenants.ts';

/** Whose connections: a user of a realm. */
export interface UserAddress {
  readonly realm: Realm;
  readonly userId: string;
}

/** Who has taken something away, and why: for the audit trail. */
export interface Cause {
  /** Default: the app itself. */
  readonly by?: UserAddress;
  readonly reason?: string;
}

/** What the book of users works with. */
export interface UsersOptions {
  readonly connections: Connections;
  readonly broker: Broker;
  readonly limits: Pick<Limits, 'hookTimeoutMs'>;
  readonly tenantOf: (realm: Realm) => Tenant;
  /** What is asked about somebody from here on must be asked anew. */
  readonly onChanged: () => void;
  readonly audit: (entry: AuditEntry) => void;
  readonly onExceeded: (limit: 'maxRoomsPerUser', user: UserAddress) => void;
}

/** No token that was issued before lives longer. */
const REVOCATION_TTL_MS = 24 * 60 * 60 * 1000;

/**
 * What the server does to users: which rooms they are put into, and what is revoked. What is done to one
 * user is done in the order of the calls; a promise that has resolved says that it holds: for the
 * connections that this node has, and for those to come.
 */
export class Users {
  readonly #options: UsersOptions;
  /** A join must not arrive behind the leave that followed it, in the broker or at a connection. */
  readonly #steps = new Sequences();
  readonly #changes: RecentChanges;

  constructor(options: UsersOptions) {
    this.#options = options;
    // A connect is asked about for no longer than this.
    this.#changes = new RecentChanges(2 * options.limits.hookTimeoutMs);
  }

  /**
   * Puts a user into a room, until `leaveRoom`: subscribes all connections, and tells them. One that is
   * subscribed already stays as it is. Rejects with a `TypeError` for what is no room, with
   * `LimitExceededError` for one room too many, and when a connection could not be subscribed.
   */
  async joinRoom(user: UserAddress, room: string): Promise<void> {
    checkRoom(room);
    await this.inTurn(user, async () => {
      const isNew = await this.#keepJoin(user, room);
      try {
        await Promise.all(this.#of(user).map((connection) => connection.joinRoom(room)));
      } catch (error) {
        if (isNew) await this.#options.broker.removeJoin(keyOf(user), room);
        throw error;
      }
    });
  }

  /**
   * Takes a user out of a room, whoever let them in. When it resolves, nothing more of the room is
   * written to them. Whether they may come back by themselves is for the room's rule.
   */
  async leaveRoom(user: UserAddress, room: string, cause: Cause = {}): Promise<void> {
    checkRoom(room);
    this.#audit('left-room', { ...user, room }, cause);
    await this.inTurn(user, async () => {
      await this.#options.broker.removeJoin(keyOf(user), room);
      await Promise.all(this.#of(user).map((connection) => connection.leaveRoom(room)));
    });
  }

  /** The rooms that a user was put into. */
  async roomsOf(user: UserAddress): Promise<readonly string[]> {
    return user.userId === '' ? [] : await this.#options.broker.joins(keyOf(user));
  }

  /**
   * Ends all connections of a user. Default: 3503, and their clients stay away. Whatever was issued to the
   * user up to now (`issuedAt` of a principal) does not count any more. When it resolves, nothing more is
   * written to them.
   */
  async disconnect(
    user: UserAddress,
    disconnect: Disconnect = disconnects.forceDisconnect,
    cause: Cause = {},
  ): Promise<void> {
    const connections = [...this.#of(user), ...this.#viewsOf(user)];
    this.#audit('disconnected', user, cause);
    await this.#revoke(keyOf(user), connections, disconnect);
  }

  /** The same for everybody in a realm. */
  async disconnectRealm(
    realm: Realm,
    disconnect: Disconnect = disconnects.forceDisconnect,
    cause: Cause = {},
  ): Promise<void> {
    const connections = this.#options.connections.ofRealm(realm);
    this.#audit('disconnected', { realm }, cause);
    await this.#revoke(keyOfRealm(realm), connections, disconnect);
  }

  /**
   * The permissions of a user have changed: asks again what each connection may hear, and changes what it
   * is subscribed to. When it resolves, nothing more is written of what is no longer theirs.
   */
  async refreshPermissions(user: UserAddress, cause: Cause = {}): Promise<void> {
    this.#audit('permissions-refreshed', user, cause);
    this.#note(keyOf(user));
    const connections = [...this.#of(user), ...this.#viewsOf(user)];
    await Promise.all(connections.map((connection) => connection.refreshPermissions()));
  }

  /** Says something to all of their connections, on no channel; not kept. `data` is JSON text on one line. */
  message(user: UserAddress, data: string): void {
    requireOneLine(data);
    for (const connection of this.#of(user)) connection.message(data);
  }

  /**
   * Moves the end of their connections; `null`: they do not end by themselves. A support view ends within
   * the time that it was opened for all the same. Throws a `TypeError` for what is no moment.
   */
  extend(user: UserAddress, expiresAt: number | null): void {
    if (expiresAt !== null && !Number.isFinite(expiresAt)) {
      throw new TypeError(`expiresAt is milliseconds since 1970 or null, got ${expiresAt}`);
    }
    for (const connection of this.#of(user)) connection.extend(expiresAt);
  }

  /** Does one thing to a user after the other. Settles as the step does. */
  async inTurn(user: UserAddress, step: () => Promise<void>): Promise<void> {
    await this.#steps.run(keyOf(user), step);
  }

  /** Was what this principal came with revoked after it was issued? */
  async isRevoked(principal: Principal): Promise<boolean> {
    if (principal.issuedAt === undefined) return false;
    const at = await this.#options.broker.revokedAt(subjectsOf(principal));
    return at !== null && principal.issuedAt <= at;
  }

  /** Have the permissions of this user changed since that moment of `performance.now()`? */
  hasChangedSince(principal: Principal, moment: number): boolean {
    return this.#changes.areSince(subjectsOf(principal), moment);
  }

  async #keepJoin(user: UserAddress, room: string): Promise<boolean> {
    const { broker } = this.#options;
    const rooms = await this.roomsOf(user);
    if (rooms.includes(room)) return false;
    const { maxRoomsPerUser } = this.#options.tenantOf(user.realm).limits;
    if (rooms.length >= maxRoomsPerUser) {
      const { realm, userId } = user;
      this.#options.onExceeded('maxRoomsPerUser', { realm, userId });
      throw new LimitExceededError('maxRoomsPerUser', maxRoomsPerUser);
    }
    await broker.addJoin(keyOf(user), room);
    return true;
  }

  async #revoke(
    subject: string,
    connections: readonly Connection[],
    disconnect: Disconnect,
  ): Promise<void> {
    this.#note(subject);
    const [kept] = await Promise.allSettled([
      this.#options.broker.revoke(subject, Date.now(), REVOCATION_TTL_MS),
      ...connections.map((connection) => connection.expel(disconnect)),
    ]);
    // Who is connected is out in any case; that old tokens stay out is what could not be kept.
    if (kept?.status === 'rejected') throw kept.reason;
  }

  #audit(
    what: 'left-room' | 'disconnected' | 'permissions-refreshed',
    whom: Pick<AuditEntry, 'realm' | 'userId' | 'room'>,
    { by, reason }: Cause,
  ): void {
    const details = { what, ...(by ? { by: { realm: by.realm, userId: by.userId } } : {}) };
    const why = reason === undefined ? {} : { reason };
    this.#options.audit({ action: 'revocation', outcome: 'allowed', ...whom, ...why, details });
  }

  #note(subject: string): void {
    this.#changes.note(subject);
    this.#options.onChanged();
  }

  #of({ realm, userId }: UserAddress): Connection[] {
    return this.#options.connections.of(realm, userId);
  }

  /** The support views that staff has open: what is taken from them ends there, too. */
  #viewsOf(user: UserAddress): Connection[] {
    if (user.realm.kind !== 'platform') return [];
    return [...this.#options.connections].filter(
      ({ actsFor }) => actsFor && actingAsOf(actsFor)?.userId === user.userId,
    );
  }
}

/** A user's key in the broker: the one of the channel that is theirs alone. */
function keyOf({ realm, userId }: UserAddress): string {
  if (userId === '') throw new TypeError('An anonymous user is nobody in particular');
  return channelKey({ realm, target: { kind: 'user', userId } });
}

function keyOfRealm(realm: Realm): string {
  return channelKey({ realm, target: { kind: 'all' } });
}

/** Everything whose revocation concerns a principal. */
function subjectsOf(principal: Principal): string[] {
  const { realm, userId } = principal;
  const staff = actingAsOf(principal);
  return [
    keyOfRealm(realm),
    ...(userId === '' ? [] : [keyOf(principal)]),
    ...(staff ? [keyOfRealm(staff.realm), keyOf(staff)] : []),
  ];
}

function checkRoom(room: string): void {
  if (isRoom(room) && !isReservedRoom(room)) return;
  throw new TypeError(`Not a room: ${JSON.stringify(room)}`);
}
