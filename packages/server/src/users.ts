import { isReservedRoom, isRoom, type Realm } from '@trunkline/contract';
import type { Connection, Connections } from './connections.ts';
import { type Disconnect, disconnects } from './errors.ts';
import { requireOneLine } from './protocol/line.ts';

/** Whose connections: a user of a realm. */
export interface UserAddress {
  readonly realm: Realm;
  readonly userId: string;
}

/** What the server does to the connections that a user has on this node. */
export class Users {
  readonly #connections: Connections;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /**
   * Subscribes all of them to a room, and tells them. One that is subscribed already stays as it is.
   * Rejects with a `TypeError` for what is no room, and when one of them could not be subscribed.
   */
  async joinRoom(user: UserAddress, room: string): Promise<void> {
    checkRoom(room);
    await Promise.all(this.#of(user).map((connection) => connection.joinRoom(room)));
  }

  /** Ends their subscriptions to a room, whoever made them, and tells them. */
  async leaveRoom(user: UserAddress, room: string): Promise<void> {
    checkRoom(room);
    await Promise.all(this.#of(user).map((connection) => connection.leaveRoom(room)));
  }

  /** Ends them all. Default: 3503, and their clients stay away. */
  disconnect(user: UserAddress, disconnect: Disconnect = disconnects.forceDisconnect): void {
    for (const connection of this.#of(user)) connection.close(disconnect);
  }

  /** Says something to all of them, on no channel; not kept. `data` is JSON text on one line. */
  message(user: UserAddress, data: string): void {
    requireOneLine(data);
    for (const connection of this.#of(user)) connection.message(data);
  }

  /** Moves their end; `null`: they do not end by themselves. */
  extend(user: UserAddress, expiresAt: number | null): void {
    if (expiresAt !== null && !Number.isFinite(expiresAt)) {
      throw new TypeError(`expiresAt is milliseconds since 1970 or null, got ${expiresAt}`);
    }
    for (const connection of this.#of(user)) connection.extend(expiresAt);
  }

  #of({ realm, userId }: UserAddress): Connection[] {
    if (userId === '') throw new TypeError('An anonymous user has no connections of their own');
    return this.#connections.of(realm, userId);
  }
}

function checkRoom(room: string): void {
  if (isRoom(room) && !isReservedRoom(room)) return;
  throw new TypeError(`Not a room: ${JSON.stringify(room)}`);
}
