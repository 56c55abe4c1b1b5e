import type { BenchEvent } from './event.ts';

/** Who a connection is and where it wants to go: `tenant/user/room`, the room or the user may be empty. */
export interface Token {
  readonly tenant: string;
  readonly user: string;
  readonly room: string;
}

export function parseToken(token: string): Token {
  const [tenant = '', user = '', room = ''] = token.split('/');
  return { tenant, user, room };
}

/** The one room that a connection of a server without sessions joins: its own where it names none. */
export function roomOf({ tenant, user, room }: Token): string {
  return room === '' ? userRoom(tenant, user) : roomName(tenant, room);
}

function roomName(tenant: string, room: string): string {
  return `${tenant}:${room}`;
}

function userRoom(tenant: string, user: string): string {
  return `${tenant}:user:${user}`;
}

/** Sends an event to a room by its name. */
export type Emit = (room: string, event: BenchEvent) => unknown;

/** The two publishes of a peer that knows rooms only. */
export function byRoom(emit: Emit) {
  return {
    publishToRoom: (tenant: string, room: string, event: BenchEvent) =>
      emit(roomName(tenant, room), event),
    publishToUser: (tenant: string, user: string, event: BenchEvent) =>
      emit(userRoom(tenant, user), event),
  };
}

/** Members by room, for servers that have none of their own. */
export class Members<C> {
  readonly #rooms = new Map<string, Set<C>>();

  add(room: string, member: C): void {
    const members = this.#rooms.get(room);
    if (members) members.add(member);
    else this.#rooms.set(room, new Set([member]));
  }

  remove(room: string, member: C): void {
    const members = this.#rooms.get(room);
    members?.delete(member);
    if (members?.size === 0) this.#rooms.delete(room);
  }

  of(room: string): ReadonlySet<C> {
    return this.#rooms.get(room) ?? new Set();
  }
}

/** What a client without a protocol of its own says first, and what it is answered. */
export interface JoinMessage {
  readonly event: 'join';
  readonly data: string;
}

export const JOINED: string = JSON.stringify({ event: 'joined' });
