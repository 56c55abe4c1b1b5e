import type { Realm } from '@trunkline/contract';
import { allDone } from './all-done.ts';
import type { Connection } from './connections.ts';
import {
  credentialsOf,
  isIssuedAfter,
  isIssuedBy,
  subjectOf,
  subjectOfRealm,
  type UserAddress,
} from './credentials.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Node } from './node.ts';
import { actingAsOf, type Principal } from './principal.ts';
import { RecentChanges } from './recent-changes.ts';
import { Sequences } from './sequences.ts';

/** A user, or everybody in a realm. */
export interface Whom {
  readonly realm: Realm;
  readonly userId?: string;
}

/** Where all connections are asked about again, they are so in this many parts, one after the other. */
const PARTS = 20;
/** So long that takes at least, milliseconds: their clients, or the app's database, must bear it. */
const SPREAD_MS = 1_500;

/** What is done to users on this node: to the connections that it has, and to those that are just coming. */
export class LocalUsers {
  readonly #node: Pick<Node, 'connections' | 'authentications'>;
  /** A join must not arrive behind the leave that followed it, in the broker or at a connection. */
  readonly #steps = new Sequences();
  readonly #changes: RecentChanges;

  constructor(node: Pick<Node, 'connections' | 'authentications' | 'limits'>) {
    this.#node = node;
    // A connect is asked about for no longer than this.
    this.#changes = new RecentChanges(2 * node.limits.hookTimeoutMs);
  }

  /** Does one thing to a user after the other. Settles as the step does. */
  async inTurn(user: UserAddress, step: () => Promise<void>): Promise<void> {
    await this.#steps.run(subjectOf(user), step);
  }

  /** Is something being done to the user, so that the next thing must wait? */
  isBusy(user: UserAddress): boolean {
    return this.#steps.isBusy(subjectOf(user));
  }

  /** Has the user any connection here, on its way out or not? */
  has({ realm, userId }: UserAddress): boolean {
    return this.#of({ realm, userId }).length > 0;
  }

  /** Subscribes all connections of a user to a room. Rejects when one could not be. */
  async join(user: UserAddress, room: string): Promise<void> {
    await allDone(this.#of(user).map((connection) => connection.joinRoom(room)));
  }

  /** Takes all connections of a user out of a room, whoever let them in. */
  async leave(user: UserAddress, room: string): Promise<void> {
    await allDone(this.#of(user).map((connection) => connection.leaveRoom(room)));
  }

  /** Takes out those who are in by a join that does not count any more; who asked for the room stays. */
  async unjoin(user: UserAddress, room: string): Promise<void> {
    await allDone(this.#of(user).map((connection) => connection.leaveRoom(room, 'put-in')));
  }

  /** Ends all connections of a user, or of a realm. */
  async expel(whom: Whom, disconnect: Disconnect): Promise<void> {
    this.#note(whom);
    await allDone(this.#meant(whom).map((connection) => connection.expel(disconnect)));
  }

  /** The same to those that go by something that was issued up to that moment. */
  async expelOld(whom: Whom, disconnect: Disconnect, at: number): Promise<void> {
    this.#note(whom);
    const isOld = ({ actsFor }: Connection) => actsFor && isIssuedBy(actsFor, keyOf(whom), at);
    await allDone(
      this.#meant(whom)
        .filter(isOld)
        .map((each) => each.expel(disconnect)),
    );
  }

  /** The same to all that there are some time after that moment: who may have come since comes again. */
  async expelLater(whom: Whom, disconnect: Disconnect, at: number): Promise<void> {
    this.#note(whom);
    const isNew = ({ actsFor }: Connection) => actsFor && isIssuedAfter(actsFor, keyOf(whom), at);
    const expelling = this.#meant(whom).map((connection) =>
      connection.expel(isNew(connection) ? disconnects.forceReconnect : disconnect),
    );
    await allDone(expelling);
  }

  /** Asks again what each connection of a user may hear. */
  async refresh(user: UserAddress): Promise<void> {
    this.#note(user);
    await Promise.all(this.#meant(user).map((connection) => connection.refreshPermissions()));
  }

  /**
   * Asks again what each connection may hear, some at a time: what was taken from whom is not known. Resolves
   * when it holds for all of them.
   */
  async refreshAll(): Promise<void> {
    this.#changes.noteAll();
    this.#node.authentications.startOver();
    const connections = [...this.#node.connections];
    const size = Math.ceil(connections.length / PARTS);
    const refreshing: Promise<void>[] = [];
    while (connections.length > 0) {
      const part = connections.splice(0, size);
      refreshing.push(...part.map((connection) => connection.refreshPermissions()));
      // oxlint-disable-next-line no-await-in-loop -- that is the spread
      if (connections.length > 0) await pause(SPREAD_MS / PARTS);
    }
    await Promise.all(refreshing);
  }

  message(user: UserAddress, data: string): void {
    for (const connection of this.#of(user)) connection.message(data);
  }

  extend(user: UserAddress, expiresAt: number | null): void {
    for (const connection of this.#of(user)) connection.extend(expiresAt);
  }

  /** Have the permissions of this user changed since that moment of `performance.now()`? */
  hasChangedSince(principal: Principal, moment: number): boolean {
    const subjects = credentialsOf(principal).flatMap((credential) => credential.subjects);
    return this.#changes.areSince(subjects, moment);
  }

  /** What is asked about somebody from here on must be asked anew. */
  #note(whom: Whom): void {
    this.#changes.note(keyOf(whom));
    this.#node.authentications.startOver();
  }

  #of({ realm, userId }: UserAddress): Connection[] {
    return this.#node.connections.everyOf(realm, userId);
  }

  #meant({ realm, userId }: Whom): Connection[] {
    const { connections } = this.#node;
    const own = userId === undefined ? connections.ofRealm(realm) : this.#of({ realm, userId });
    return [...own, ...this.#viewsOf({ realm, ...(userId === undefined ? {} : { userId }) })];
  }

  /** The support views that staff, of this id or any, has open: what is taken from them ends there, too. */
  #viewsOf({ realm, userId }: Whom): Connection[] {
    if (realm.kind !== 'platform') return [];
    return [...this.#node.connections].filter(({ actsFor }) => {
      const staff = actsFor && actingAsOf(actsFor);
      return staff && (userId ?? staff.userId) === staff.userId;
    });
  }
}

function keyOf({ realm, userId }: Whom): string {
  return userId === undefined ? subjectOfRealm(realm) : subjectOf({ realm, userId });
}

async function pause(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms).unref();
  await promise;
}
