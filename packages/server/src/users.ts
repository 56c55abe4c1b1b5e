import { isReservedRoom, isRoom, type Realm } from '@trunkline/contract';
import { allDone, behind } from './all-done.ts';
import type { AuditEntry } from './audit.ts';
import type { Broker } from './broker/broker.ts';
import { credentialsOf, subjectOf, subjectOfRealm, type UserAddress } from './credentials.ts';
import { type Disconnect, disconnects, LimitExceededError } from './errors.ts';
import { PayloadTooLargeError } from './event.ts';
import { LocalUsers, type Whom } from './local-users.ts';
import type { Node } from './node.ts';
import type { Principal } from './principal.ts';
import { requireOneLine } from './protocol/line.ts';
import { carryOutUserOrders } from './user-orders.ts';

/** Who has taken something away, and why: for the audit trail. */
export interface Cause {
  /** Default: the app itself. */
  readonly by?: UserAddress;
  readonly reason?: string;
}

/** As long as tokens live by default; what lives longer is for the app's own tables to take back. */
const REVOCATION_TTL_MS = 24 * 60 * 60 * 1000;

/**
 * What the server does to users: which rooms they are put into, and what is revoked. What is done to one
 * user is done in the order of the calls; a promise that has resolved says that it holds: for the
 * connections of all nodes that live, and for those to come. It holds here at once, whatever becomes of it
 * elsewhere: where other nodes do not confirm it (`NodesUnreachableError`) or cannot do it
 * (`OrderFailedError`), it is not taken back.
 */
export class Users {
  readonly #node: Node;
  readonly #broker: Broker;
  readonly #here: LocalUsers;

  constructor(node: Node, broker: Broker) {
    this.#node = node;
    this.#broker = broker;
    this.#here = new LocalUsers(node);
    const { cluster } = node;
    carryOutUserOrders({ cluster, here: this.#here, roomsOf: (user) => this.roomsOf(user) });
  }

  /**
   * Puts a user into a room, until `leaveRoom`: subscribes all connections, and tells them. One that is
   * subscribed already stays as it is. Rejects with a `TypeError` for what is no room, with
   * `LimitExceededError` for one room too many, and when a connection of this node could not be subscribed:
   * then it holds for none to come.
   */
  async joinRoom(user: UserAddress, room: string): Promise<void> {
    checkRoom(room);
    const membership = { ...addressOf(user), room };
    let isTakenBack = false;
    const joining = this.inTurn(user, async () => {
      const isNew = await this.#keepJoin(user, room);
      try {
        await this.#here.join(user, room);
      } catch (error) {
        if (isNew) await this.#broker.removeJoin(subjectOf(user), room);
        isTakenBack = isNew;
        throw error;
      }
    });
    const [joined] = await Promise.allSettled([joining]);
    // Who has come to another node meanwhile was let into the room; what failed here is the news all the same.
    if (isTakenBack) await Promise.allSettled([this.#elsewhere('unjoin', membership)]);
    if (joined.status === 'rejected') throw joined.reason;
    await this.#elsewhere('join', membership);
  }

  /**
   * Takes a user out of a room, whoever let them in. When it resolves, nothing more of the room is
   * written to them. Whether they may come back by themselves is for the room's rule.
   */
  async leaveRoom(user: UserAddress, room: string, cause: Cause = {}): Promise<void> {
    checkRoom(room);
    const address = addressOf(user);
    this.#audit('left-room', { ...address, room }, cause);
    const forget = async () => await this.#broker.removeJoin(subjectOf(user), room);
    // At once, however many wait for their turn; in turn once more, for whoever has come in meanwhile.
    const leaving = this.#here.leave(user, room);
    const forgetting = this.#here.isBusy(user) ? [forget()] : [];
    forgetting.push(this.inTurn(user, forget));
    const again = this.inTurn(user, () => allDone([leaving, this.#here.leave(user, room)]));
    const elsewhere = forgetting.map((forgotten) =>
      this.#leaveElsewhere({ ...address, room }, forgotten),
    );
    // Who is connected is out in any case; that a join was kept is what could not be taken back.
    await allDone([leaving, again, ...forgetting, ...elsewhere]);
  }

  /** The rooms that a user was put into. */
  async roomsOf(user: UserAddress): Promise<readonly string[]> {
    return user.userId === '' ? [] : await this.#broker.joins(subjectOf(user));
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
    const address = addressOf(user);
    this.#audit('disconnected', address, cause);
    await this.#revoke(subjectOf(user), address, disconnect);
  }

  /** The same for everybody in a realm. */
  async disconnectRealm(
    realm: Realm,
    disconnect: Disconnect = disconnects.forceDisconnect,
    cause: Cause = {},
  ): Promise<void> {
    this.#audit('disconnected', { realm }, cause);
    await this.#revoke(subjectOfRealm(realm), { realm }, disconnect);
  }

  /**
   * The permissions of a user have changed: asks again what each connection may hear, and changes what it
   * is subscribed to. When it resolves, nothing more is written of what is no longer theirs.
   */
  async refreshPermissions(user: UserAddress, cause: Cause = {}): Promise<void> {
    const address = addressOf(user);
    this.#audit('permissions-refreshed', address, cause);
    await allDone([this.#here.refresh(address), this.#elsewhere('refresh', address)]);
  }

  /**
   * Says something to all of their connections, on no channel; not kept: resolves when the broker has taken
   * it for the other nodes. `data` is JSON text on one line.
   */
  async message(user: UserAddress, data: string): Promise<void> {
    requireOneLine(data);
    const address = addressOf(user);
    const { limits, cluster } = this.#node;
    const bytes = Buffer.byteLength(data);
    if (bytes > limits.maxEventBytes) {
      throw new PayloadTooLargeError(
        `A message has at most ${limits.maxEventBytes} bytes (limits.maxEventBytes), got ${bytes}`,
      );
    }
    this.#here.message(address, data);
    await cluster.broadcast('message', { ...address, message: data });
  }

  /**
   * Moves the end of their connections; `null`: they do not end by themselves. A support view ends within
   * the time that it was opened for all the same. Rejects with a `TypeError` for what is no moment.
   */
  async extend(user: UserAddress, expiresAt: number | null): Promise<void> {
    if (expiresAt !== null && !Number.isFinite(expiresAt)) {
      throw new TypeError(`expiresAt is milliseconds since 1970 or null, got ${expiresAt}`);
    }
    const address = addressOf(user);
    this.#here.extend(address, expiresAt);
    await this.#elsewhere('extend', { ...address, expiresAt });
  }

  /**
   * What was taken from whom on other nodes may have been missed: asks again what each connection of this
   * node may hear, spread over a second or two. Resolves when nothing more is written that may not be.
   */
  async recheckAll(): Promise<void> {
    await this.#here.refreshAll();
  }

  /** Does one thing to a user after the other on this node. Settles as the step does. */
  async inTurn(user: UserAddress, step: () => Promise<void>): Promise<void> {
    await this.#here.inTurn(user, step);
  }

  /** Was what this principal came with revoked after it was issued? */
  async isRevoked(principal: Principal): Promise<boolean> {
    const answers = credentialsOf(principal).map(async ({ subjects, issuedAt = Infinity }) => {
      const at = issuedAt === Infinity ? null : await this.#broker.revokedAt(subjects);
      return at !== null && issuedAt <= at;
    });
    return (await Promise.all(answers)).includes(true);
  }

  /** Have the permissions of this user changed since that moment of `performance.now()`? */
  hasChangedSince(principal: Principal, moment: number): boolean {
    return this.#here.hasChangedSince(principal, moment);
  }

  async #keepJoin(user: UserAddress, room: string): Promise<boolean> {
    const rooms = await this.roomsOf(user);
    if (rooms.includes(room)) return false;
    const { maxRoomsPerUser } = this.#node.tenants.of(user.realm).limits;
    if (rooms.length >= maxRoomsPerUser) {
      this.#node.quotaExceeded('maxRoomsPerUser', addressOf(user));
      throw new LimitExceededError('maxRoomsPerUser', maxRoomsPerUser);
    }
    await this.#broker.addJoin(subjectOf(user), room);
    return true;
  }

  async #revoke(subject: string, whom: Whom, disconnect: Disconnect): Promise<void> {
    const at = Date.now();
    const { code, reason } = disconnect;
    const leaving = this.#here.expel(whom, disconnect);
    const keeping = this.#broker.revoke(subject, at, REVOCATION_TTL_MS);
    // While the broker did not know of it yet, an old token may have let somebody in.
    const late = behind(keeping, () => this.#here.expelOld(whom, disconnect, at));
    const elsewhere = behind(keeping, () =>
      this.#elsewhere('disconnect', { ...whom, code, reason, at }),
    );
    // Who is connected is out in any case; that old tokens stay out is what could not be kept.
    await allDone([keeping, leaving, late, elsewhere]);
  }

  /** Who hears of it looks whether the user was put in again since, unless the old join is still kept. */
  async #leaveElsewhere(membership: object, forgetting: Promise<void>): Promise<void> {
    const [forgotten] = await Promise.allSettled([forgetting]);
    const isForgotten = forgotten.status === 'fulfilled';
    await this.#elsewhere('leave', { ...membership, isForgotten });
  }

  // Never in a user's turn: another node may wait for ours in its own.
  async #elsewhere(kind: string, data: object): Promise<void> {
    await this.#node.cluster.order(kind, data);
  }

  #audit(
    what: 'left-room' | 'disconnected' | 'permissions-refreshed',
    whom: Pick<AuditEntry, 'realm' | 'userId' | 'room'>,
    { by, reason }: Cause,
  ): void {
    const details = { what, ...(by ? { by: { realm: by.realm, userId: by.userId } } : {}) };
    const why = reason === undefined ? {} : { reason };
    this.#node.audit({ action: 'revocation', outcome: 'allowed', ...whom, ...why, details });
  }
}

/**
 * The address alone, whatever else the caller's object has: a whole principal must not travel. Throws a
 * `TypeError` for nobody in particular.
 */
function addressOf({ realm, userId }: UserAddress): UserAddress {
  subjectOf({ realm, userId });
  return { realm, userId };
}

function checkRoom(room: string): void {
  if (isRoom(room) && !isReservedRoom(room)) return;
  throw new TypeError(`Not a room: ${JSON.stringify(room)}`);
}
