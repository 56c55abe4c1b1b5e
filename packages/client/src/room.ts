import {
  type AppEvent,
  isReservedRoom,
  isRoom,
  type MemberList,
  PRESENCE_CALL,
  type ReceivedEvent,
} from '@trunkline/contract';
import { HandlerSet } from './events.ts';
import { guard, type OnError, warn } from './log.ts';
import { Presence } from './presence.ts';
import type { Gap } from './settings.ts';
import { Store } from './store.ts';
import type { Entrance, RoomListener } from './subscription.ts';

/** `idle`: no room, or no connection that could become one. `denied` until the next connect. */
export type RoomStatus = 'idle' | 'joining' | 'joined' | 'denied';

/** The client that a room belongs to, as much of it as a room needs. */
export interface RoomHost {
  /** Whose client it is. */
  readonly userId: string;
  /** What the server knows the open connection by; `null` without one. */
  clientId(): string | null;
  readonly onError: OnError;
  /** Asks to enter a room; returns how to leave it. */
  enter(room: string, listener: RoomListener): () => void;
  call(method: string, data: unknown): Promise<unknown>;
  publish(room: string, event: AppEvent): Promise<void>;
  /** Tells the page what was missed for good. */
  onGap(gap: Gap): void;
  /** Nobody here is in this room any more. */
  onForgotten(room: string): void;
}

/** The server's code for: it has subscribed this client already, or is about to. */
const ALREADY_SUBSCRIBED = 105;
/** And if it is not: then it has failed, and the client asks again. */
const ASK_AGAIN_MS = 5000;
/** The server has ended the subscription: nothing that a developer could have done wrong. */
const SERVER_UNSUBSCRIBED = 2000;

/**
 * A room that somebody on the page is in. Where the server has subscribed the user itself, it only
 * listens; elsewhere it asks to enter, and again whenever what the server did has ended.
 */
export class Room {
  readonly name: string;
  readonly status: Store<RoomStatus> = new Store<RoomStatus>('idle');
  readonly presence: Presence;
  /** Those of the app. */
  readonly handlers: Set<HandlerSet> = new Set();
  readonly #host: RoomHost;
  readonly #listeners = new HandlerSet();
  readonly #gapListeners = new Set<(gap: Gap) => void>();
  /** How to leave, as a client. */
  #leave: (() => void) | null = null;
  #askAgain: ReturnType<typeof setTimeout> | undefined;
  #isPositioned = false;
  /** Something was missed for good that nobody has been told of yet. */
  #hasMissed = false;

  constructor(name: string, host: RoomHost) {
    this.name = name;
    this.#host = host;
    this.presence = new Presence({
      read: async () => (await host.call(PRESENCE_CALL, { room: name })) as MemberList,
      isOwn: (clientId) => clientId === host.clientId(),
    });
  }

  /** Whose page this is. */
  get userId(): string {
    return this.#host.userId;
  }

  /** Says something to the room, if its rule lets clients speak; rejects with a `CallError`. */
  async publish(event: AppEvent): Promise<void> {
    await this.#host.publish(this.name, event);
  }

  /** Calls one of the server's methods. */
  async call(method: string, data: unknown): Promise<unknown> {
    return await this.#host.call(method, data);
  }

  /** Hears the events of one type, also of those that apps do not get to see. */
  on(type: string, listener: (event: ReceivedEvent) => void): () => void {
    return this.#listeners.subscribe(type, listener);
  }

  /** Calls the listener when events of this room were missed for good. */
  onGap(listener: (gap: Gap) => void): () => void {
    const entry = (gap: Gap) => listener(gap);
    this.#gapListeners.add(entry);
    return () => void this.#gapListeners.delete(entry);
  }

  /** Takes an event for `on`. */
  hear(event: ReceivedEvent): void {
    this.#listeners.dispatch(event, () => true, this.#host.onError);
  }

  /** The server sends the room of its own accord: a subscription of ours is one too many. */
  serve({ isPositioned, isRecovered }: Entrance): void {
    this.#drop();
    this.#hasMissed ||= this.#isPositioned && !isRecovered;
    this.#isPositioned = isPositioned;
  }

  /** In, and up to date; `isTold`: the page knows already what this room has missed. */
  arrive(isTold = false): void {
    this.status.set('joined');
    this.presence.onJoined();
    if (this.#hasMissed) this.#tellGap(isTold);
  }

  /** Asks to enter, unless it has asked already. */
  ask(): void {
    if (this.#leave) return;
    if (!isRoom(this.name) || isReservedRoom(this.name)) {
      this.#deny(`${JSON.stringify(this.name)} is not a room's name`);
      return;
    }
    this.status.set('joining');
    this.#leave = this.#host.enter(this.name, {
      onSubscribing: () => this.status.set('joining'),
      onSubscribed: (entrance) => this.#onSubscribed(entrance),
      onUnsubscribed: (code, reason) => this.#onUnsubscribed(code, reason),
    });
  }

  /** Not in the room for now. */
  wait(status: 'joining' | 'idle'): void {
    clearTimeout(this.#askAgain);
    this.status.set(status);
  }

  /** The connection is gone, and with it what was asked for on it; `idle`: it is the last one. */
  forgetConnection(status: 'joining' | 'idle'): void {
    this.#leave = null;
    // maybe they are another identity's by now, or are not to be seen any more
    if (status === 'idle') this.presence.clear();
    this.wait(status);
  }

  /** Nobody is here any more. */
  end(): void {
    this.#drop();
    this.presence.clear();
    this.status.set('idle');
  }

  #onSubscribed(entrance: Entrance): void {
    this.#hasMissed ||= this.#isPositioned && !entrance.isRecovered;
    this.#isPositioned = entrance.isPositioned;
    this.arrive();
  }

  #onUnsubscribed(code: number, reason: string): void {
    this.#drop();
    if (code === ALREADY_SUBSCRIBED) {
      this.status.set('joining');
      this.#askAgain = setTimeout(() => this.ask(), ASK_AGAIN_MS);
    } else this.#deny(code === SERVER_UNSUBSCRIBED ? null : `the server says: ${code} ${reason}`);
  }

  #deny(problem: string | null): void {
    if (problem !== null) warn(`Not in the room ${this.name}: ${problem}.`);
    this.presence.clear();
    this.status.set('denied');
  }

  #drop(): void {
    clearTimeout(this.#askAgain);
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
  }

  #tellGap(isTold: boolean): void {
    this.#hasMissed = false;
    const gap: Gap = { channels: [this.name] };
    for (const listener of [...this.#gapListeners]) {
      guard(() => listener(gap), this.#host.onError);
    }
    if (!isTold) this.#host.onGap(gap);
  }
}
