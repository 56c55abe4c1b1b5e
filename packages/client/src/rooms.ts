import { Room, type RoomHost } from './room.ts';
import type { Entrance, PresenceChange } from './subscription.ts';

/** Somebody's hold on a room. */
export interface RoomLease {
  readonly room: Room;
  /** Lets go; the last one leaves the room a moment later, if nobody has come until then. */
  readonly leave: () => void;
}

interface Entry {
  readonly room: Room;
  visitors: number;
  linger: ReturnType<typeof setTimeout> | undefined;
}

/** Long enough for a change of page, short enough that others do not see a ghost. */
const LINGER_MS = 500;

/** The rooms of one client, each once, however many ask for it; they outlive its connections. */
export class Rooms {
  readonly #host: RoomHost;
  readonly #entries = new Map<string, Entry>();
  /** What the server sends of its own accord, and how that began. */
  readonly #served = new Map<string, Entrance>();
  /** Is it known what the server sends? Before, nothing is asked for. */
  #isSynced = false;
  #isEnded = false;

  constructor(host: RoomHost) {
    this.#host = host;
  }

  get(name: string): Room | undefined {
    return this.#entries.get(name)?.room;
  }

  enter(name: string): RoomLease {
    const entry = this.#entries.get(name) ?? this.#create(name);
    clearTimeout(entry.linger);
    entry.visitors += 1;
    let isHeld = true;
    return {
      room: entry.room,
      leave: () => {
        if (!isHeld) return;
        isHeld = false;
        if (--entry.visitors > 0) return;
        entry.linger = setTimeout(() => this.#forget(entry), LINGER_MS);
      },
    };
  }

  /** The server's greeting: what it sends of its own accord follows at once. */
  onConnected(): void {
    this.#isSynced = false;
  }

  onSubscribed(channel: string, entrance: Entrance): void {
    this.#served.set(channel, entrance);
    const room = this.get(channel);
    room?.serve(entrance);
    if (this.#isSynced) room?.arrive();
  }

  onUnsubscribed(channel: string): void {
    this.#served.delete(channel);
    if (this.#isSynced) this.get(channel)?.ask();
  }

  /** Everything of a connect is here; the page has been told that it has missed `told` for good. */
  onSynced(told: readonly string[]): void {
    this.#isSynced = true;
    for (const { room } of [...this.#entries.values()]) {
      if (!this.#isSynced) return; // a listener has ended the connection
      if (this.#served.has(room.name)) room.arrive(told.includes(room.name));
      else room.ask();
    }
  }

  onPresenceChange(change: PresenceChange): void {
    this.get(change.channel)?.presence.onChange(change);
  }

  /** The connection is away, and comes back. */
  onConnecting(): void {
    this.#isSynced = false;
    for (const { room } of this.#entries.values()) room.wait('joining');
  }

  /** The user is back at the page. */
  onReturn(): void {
    for (const { room } of this.#entries.values()) room.presence.onReturn();
  }

  /** The connection has ended, and takes along what it knew; `joining`: there is a new one. */
  forgetConnection(status: 'joining' | 'idle'): void {
    this.#isSynced = false;
    this.#isEnded = status === 'idle';
    this.#served.clear();
    for (const { room } of this.#entries.values()) room.forgetConnection(status);
  }

  #create(name: string): Entry {
    const room = new Room(name, this.#host);
    const entry: Entry = { room, visitors: 0, linger: undefined };
    this.#entries.set(name, entry);
    const entrance = this.#served.get(name);
    if (entrance) room.serve(entrance);
    if (!this.#isSynced) room.wait(this.#isEnded ? 'idle' : 'joining');
    else if (entrance) room.arrive();
    else room.ask();
    return entry;
  }

  #forget({ room }: Entry): void {
    this.#entries.delete(room.name);
    room.end();
    if (!this.#served.has(room.name)) this.#host.onForgotten(room.name);
  }
}
