import type { AppEvent } from '@trunkline/contract';
import { notConnected } from './call.ts';
import type { Client } from './client.ts';
import { HandlerSet, type Subscribe } from './events.ts';
import { pageRegistry } from './registry.ts';
import type { Room } from './room.ts';
import type { Gap, Settings } from './settings.ts';

/** A room of one of the page's connections: of the oldest, among those that the rest fits. */
export interface Place extends Pick<Settings, 'url' | 'tenantId'> {
  /** `''`: none. */
  readonly room: string;
}

/** What a hook adds to its room; the returned function takes it away. */
export type RoomPlug = (room: Room) => () => void;

interface Held {
  readonly place: Place;
  readonly room: Room;
}

/** One mounted hook of a room: keeps its handlers while the connection below it changes. */
export class RoomConsumer {
  readonly #handlers = new HandlerSet();
  readonly #listeners = new Set<() => void>();
  readonly #onGap: (gap: Gap) => void;
  #held: Held | null = null;

  constructor(onGap: (gap: Gap) => void) {
    this.#onGap = onGap;
  }

  /** Registers a handler for the events of this room alone, whether the page is in it or not. */
  readonly subscribe: Subscribe = (type, handler) => this.#handlers.subscribe(type, handler);

  /** Says something to the room; rejects with a `CallError`. */
  readonly publish: (event: AppEvent) => Promise<void> = async (event) => {
    if (!this.#held) throw notConnected();
    await this.#held.room.publish(event);
  };

  /** Calls the listener after each change of the room, of its status and of who is in it. */
  readonly watch: (listener: () => void) => () => void = (listener) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  /** The room at this very place; `null`: not there, or not any more. */
  room(place: Place): Room | null {
    return this.#held?.place === place ? this.#held.room : null;
  }

  /** Is in the room, on whichever connection the page has, until the returned function is called. */
  attach(place: Place, plug?: RoomPlug): () => void {
    if (place.room === '') return () => {};
    return pageRegistry().follow(place, (client) => this.#enter(client, place, plug));
  }

  #enter(client: Client, place: Place, plug: RoomPlug | undefined): () => void {
    const lease = client.rooms.enter(place.room);
    const { room } = lease;
    this.#held = { place, room };
    room.handlers.add(this.#handlers);
    const stops = [
      room.onGap(this.#onGap),
      room.status.subscribe(this.#notify),
      room.presence.state.subscribe(this.#notify),
      plug?.(room),
    ];
    this.#notify();
    return () => {
      this.#held = null;
      room.handlers.delete(this.#handlers);
      for (const stop of stops) stop?.();
      lease.leave();
      this.#notify();
    };
  }

  readonly #notify = (): void => {
    for (const listener of [...this.#listeners]) listener();
  };
}
