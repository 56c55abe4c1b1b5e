import { channelKey, isReservedRoom, isRoom, type Realm } from '@trunkline/contract';
import { allDone } from './all-done.ts';
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

/** As long as tokens live by default; what lives longer is for the app's own tables to take back. */
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
   * `LimitExceededError` for one room too many, and when a connection could not be subscribed: then it
   * holds for none to come.
   */
  async joinRoom(user: UserAddress, room: string): Promise<void> {
    checkRoom(room);
    await this.inTurn(user, async () => {
      const isNew = await this.#keepJoin(user, room);
      try {
        await allDone(this.#of(user).map((connection) => connection.joinRoom(room)));
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
    const key = keyOf(user);
    this.#audit('left-room', { ...user, room }, cause);
    const takeOut = async () =>
      await allDone(this.#of(user).map((connection) => connection.leaveRoom(room)));
    // At once, however many wait for their turn; in turn once more, for whoever has come in meanwhile.
    const first = takeOut();
    const inTurn = this.inTurn(user, async () => {
      const [kept] = await Promise.allSettled([this.#options.broker.removeJoin(key, room)]);
      await allDone([first, takeOut()]);
      // Who is connected is out in any case; that a join was kept is what could not be taken back.
      if (kept.status === 'rejected') throw kept.reason;
    });
    await allDone([first, inTurn]);
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
    const subject = keyOf(user);
    this.#audit('disconnected', user, cause);
    await this.#revoke(subject, () => [...this.#of(user), ...this.#viewsOf(user)], disconnect);
  }

  /** The same for everybody in a realm. */
  async disconnectRealm(
    realm: Realm,
    disconnect: Disconnect = disconnects.forceDisconnect,
    cause: Cause = {},
  ): Promise<void> {
    const { connections } = this.#options;
    this.#audit('disconnected', { realm }, cause);
    const find = () => [...connections.ofRealm(realm), ...this.#viewsOf({ realm })];
    await this.#revoke(keyOfRealm(realm), find, disconnect);
  }

  /**
   * The permissions of a user have changed: asks again what each connection may hear, and changes what it
   * is subscribed to. When it resolves, nothing more is written of what is no longer theirs.
   */
  async refreshPermissions(user: UserAddress, cause: Cause = {}): Promise<void> {
    const subject = keyOf(user);
    this.#audit('permissions-refreshed', user, cause);
    this.#note(subject);
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
    const { broker } = this.#options;
    const answers = credentialsOf(principal).map(async ({ subjects, issuedAt = Infinity }) => {
      const at = issuedAt === Infinity ? null : await broker.revokedAt(subjects);
      return at !== null && issuedAt <= at;
    });
    return (await Promise.all(answers)).includes(true);
  }

  /** Have the permissions of this user changed since that moment of `performance.now()`? */
  hasChangedSince(principal: Principal, moment: number): boolean {
    const subjects = credentialsOf(principal).flatMap((credential) => credential.subjects);
    return this.#changes.areSince(subjects, moment);
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
    find: () => readonly Connection[],
    disconnect: Disconnect,
  ): Promise<void> {
    const at = Date.now();
    this.#note(subject);
    const [kept] = await Promise.allSettled([
      this.#options.broker.revoke(subject, at, REVOCATION_TTL_MS),
      ...find().map((connection) => connection.expel(disconnect)),
    ]);
    // Who is connected is out in any case; that old tokens stay out is what could not be kept.
    if (kept.status === 'rejected') throw kept.reason;
    // While the broker did not know of it yet, an old token may have let somebody in.
    this.#note(subject);
    const late = find().filter(({ actsFor }) => actsFor && isIssuedBy(actsFor, subject, at));
    await allDone(late.map((connection) => connection.expel(disconnect)));
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
    return this.#options.connections.everyOf(realm, userId);
  }

  /** The support views that staff, of this id or any, has open: what is taken from them ends there, too. */
  #viewsOf({ realm, userId }: Pick<UserAddress, 'realm'> & { userId?: string }): Connection[] {
    if (realm.kind !== 'platform') return [];
    return [...this.#options.connections].filter(({ actsFor }) => {
      const staff = actsFor && actingAsOf(actsFor);
      return staff && (userId ?? staff.userId) === staff.userId;
    });
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

/** What a principal goes by: whose revocation ends it, and when it was issued. */
interface Credential {
  readonly subjects: readonly string[];
  readonly issuedAt: number | undefined;
}

/** Its own, and of a support view the staff's, too. */
function credentialsOf(principal: Principal): Credential[] {
  const { issuedAt } = principal;
  const own = { subjects: subjectsOf(principal), issuedAt };
  const staff = actingAsOf(principal);
  return staff
    ? [own, { subjects: subjectsOf(staff), issuedAt: staff.issuedAt ?? issuedAt }]
    : [own];
}

function subjectsOf(user: UserAddress): string[] {
  return [keyOfRealm(user.realm), ...(user.userId === '' ? [] : [keyOf(user)])];
}

/** Does a principal go by something that was issued to this subject up to that moment? */
function isIssuedBy(principal: Principal, subject: string, at: number): boolean {
  return credentialsOf(principal).some(
    ({ subjects, issuedAt = Infinity }) => subjects.includes(subject) && issuedAt <= at,
  );
}

function checkRoom(room: string): void {
  if (isRoom(room) && !isReservedRoom(room)) return;
  throw new TypeError(`Not a room: ${JSON.stringify(room)}`);
}
