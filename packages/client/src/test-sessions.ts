import type { Member, MemberList } from '@trunkline/contract';
import type { Socket } from './test-sockets.ts';

/** One who is in a room: a connection of the page, or somebody whom a test has made up. */
export interface Visitor {
  readonly userId: string;
  readonly clientId: string;
  /** What others see of them. */
  readonly info?: unknown;
}

type Maker = 'server' | 'client';

/** A connection of the page, once the server has accepted it. */
export interface Session extends Visitor {
  readonly socket: Socket;
  /** Its subscriptions, and who made them. */
  readonly channels: Map<string, Maker>;
}

interface Arrival {
  readonly visitor: Visitor;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** Who is connected to a test server, and who is in which room. */
export class TestSessions {
  readonly #sessions = new Map<Socket, Session>();
  readonly #arrivals = new Map<string, Arrival[]>();

  of(socket: Socket): Session | undefined {
    return this.#sessions.get(socket);
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  add(socket: Socket, userId: string): Session {
    const session: Session = { socket, userId, clientId: socket.clientId, channels: new Map() };
    this.#sessions.set(socket, session);
    return session;
  }

  /** The connection is closed. */
  remove(socket: Socket): void {
    const session = this.#sessions.get(socket);
    this.#sessions.delete(socket);
    for (const channel of session?.channels.keys() ?? []) this.leave(channel, socket.clientId);
  }

  /** Subscribes a session; the room is told after `reply`. */
  subscribe(session: Session, channel: string, by: Maker, reply: () => void): void {
    session.channels.set(channel, by);
    reply();
    this.join(channel, session);
  }

  unsubscribe(session: Session, channel: string): void {
    session.channels.delete(channel);
    this.leave(channel, session.clientId);
  }

  /** Sends a push to everybody in a channel. */
  push(channel: string, push: object): void {
    for (const { socket, channels } of this.#sessions.values()) {
      if (channels.has(channel)) socket.deliver({ push: { channel, ...push } });
    }
  }

  /** Somebody is in a room from now on, and it is told. */
  join(room: string, visitor: Visitor): void {
    if (room.startsWith('@')) return;
    const arrival = { visitor, since: Date.now() };
    this.#arrivals.set(room, [...(this.#arrivals.get(room) ?? []), arrival]);
    this.push(room, { join: { info: toInfo(visitor) } });
  }

  leave(room: string, clientId: string): void {
    const all = this.#arrivals.get(room) ?? [];
    const stay = all.filter(({ visitor }) => visitor.clientId !== clientId);
    this.#arrivals.set(room, stay);
    const gone = all.find((arrival) => !stay.includes(arrival));
    if (gone) this.push(room, { leave: { info: toInfo(gone.visitor) } });
  }

  /** Who is in a room, as the server's call answers it. */
  members(room: string): MemberList {
    const byUser = Map.groupBy(this.#arrivals.get(room) ?? [], ({ visitor }) => visitor.userId);
    const members = [...byUser].map(([userId, arrivals]) => toMember(userId, arrivals));
    return { members, total: members.length };
  }
}

function toInfo({ userId, clientId, info }: Visitor): object {
  return { user: userId, client: clientId, conn_info: info };
}

function toMember(userId: string, arrivals: readonly Arrival[]): Member {
  const since = arrivals[0]?.since ?? 0;
  const info: unknown = arrivals.at(-1)?.visitor.info;
  return { userId, since, connections: arrivals.length, ...(info === undefined ? {} : { info }) };
}
