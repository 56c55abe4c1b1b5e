import { type ReceivedEvent, TYPING_CALL, TYPING_EVENT } from '@trunkline/contract';
import { CallError } from './call.ts';
import { guard, type OnError, warn } from './log.ts';
import type { Room } from './room.ts';
import { Store } from './store.ts';

/** How a room hears who types, where the app does it its own way. */
export interface TypingOptions {
  /** The event type that says so, with `{ userId, isTyping }` in its data. Default: the server's own. */
  readonly event?: string | undefined;
  /** Tells the others; default: a call that needs `typing: true` in the room's rule. */
  readonly signal?: ((isTyping: boolean) => unknown) | undefined;
}

/** How `signal` and its errors are dealt with. */
export interface TypingConfig extends Pick<TypingOptions, 'signal'> {
  readonly onError?: OnError | undefined;
}

const SIGNAL_EVERY_MS = 3000;
const EXPIRES_MS = 6000;
const NO_USERS: readonly string[] = Object.freeze([]);

/** Who types in a room, and the word to the others that this user does. */
export class Typing {
  /** The others' ids, who began first is first. */
  readonly users: Store<readonly string[]> = new Store(NO_USERS);
  #config: TypingConfig = {};
  #room: Room | null = null;
  /** When each of them is taken to have stopped. */
  readonly #expiries = new Map<string, ReturnType<typeof setTimeout>>();
  #signalledAt = Number.NEGATIVE_INFINITY;
  /** Do the others believe that this user types? */
  #isOut = false;
  #later: ReturnType<typeof setTimeout> | undefined;
  /** The server wants no such calls from here. */
  #isRefused = false;

  /** Takes the newest functions of the page. */
  configure(config: TypingConfig): void {
    this.#config = config;
  }

  /** Follows a room until the returned function is called; `event`: what says that somebody types. */
  mount(room: Room, event: string = TYPING_EVENT): () => void {
    this.#room = room;
    const stopHearing = room.on(event, (said) => this.#hear(said));
    const stopWatching = room.status.subscribe(() => this.#onStatus());
    return () => {
      this.set(false);
      stopHearing();
      stopWatching();
      this.#room = null;
      this.#reset();
    };
  }

  /** The user types, or has stopped: told to the others, at most once in 3 s that they do. */
  readonly set: (isTyping: boolean) => void = (isTyping) => {
    clearTimeout(this.#later);
    if (this.#room?.status.get() !== 'joined') return;
    const sinceMs = performance.now() - this.#signalledAt;
    if (!isTyping) {
      if (this.#isOut && sinceMs < EXPIRES_MS) this.#signal(false);
      this.#isOut = false;
    } else if (sinceMs >= SIGNAL_EVERY_MS) this.#signal(true);
    else if (!this.#isOut) {
      this.#later = setTimeout(() => this.set(true), SIGNAL_EVERY_MS - sinceMs);
    }
  };

  #signal(isTyping: boolean): void {
    if (isTyping) this.#signalledAt = performance.now();
    this.#isOut = isTyping;
    const { signal, onError } = this.#config;
    if (signal) guard(async () => await this.#tell(() => signal(isTyping)), onError);
    else if (!this.#isRefused) void this.#call(isTyping);
  }

  /** The app's way; that there is no connection now is no news. */
  async #tell(signal: () => unknown): Promise<void> {
    try {
      await signal();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  async #call(isTyping: boolean): Promise<void> {
    const room = this.#room;
    try {
      await room?.call(TYPING_CALL, { room: room.name, isTyping });
    } catch (error) {
      if (isPassing(error) || this.#room !== room) return;
      this.#isRefused = true;
      warn(
        `Who types in ${room?.name} is not told: its rule needs typing: true. (${(error as Error).message})`,
      );
    }
  }

  #hear({ data, sender, replayed }: ReceivedEvent): void {
    const said = data as { userId?: unknown; isTyping?: unknown } | null;
    // a client may publish events, but not in another's name
    const userId = sender ?? said?.userId;
    if (replayed || typeof userId !== 'string' || userId === this.#room?.userId) return;
    clearTimeout(this.#expiries.get(userId));
    this.#expiries.delete(userId);
    const { users } = this;
    const others = users.get().filter((other) => other !== userId);
    if (said?.isTyping !== true) {
      if (others.length < users.get().length) users.set(others);
      return;
    }
    this.#expiries.set(
      userId,
      setTimeout(() => this.#expire(userId), EXPIRES_MS),
    );
    if (others.length === users.get().length) users.set([...others, userId]);
  }

  #expire(userId: string): void {
    this.#expiries.delete(userId);
    this.users.set(this.users.get().filter((other) => other !== userId));
  }

  #onStatus(): void {
    if (this.#room?.status.get() !== 'joined') this.#reset();
  }

  #reset(): void {
    clearTimeout(this.#later);
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    this.#expiries.clear();
    this.#signalledAt = Number.NEGATIVE_INFINITY;
    this.#isOut = false;
    this.#isRefused = false;
    this.users.set(NO_USERS);
  }
}

/** Will it do next time? */
function isPassing(error: unknown): boolean {
  const reason = error instanceof CallError ? error.reason : '';
  return reason === 'disconnected' || reason === 'timeout' || reason === 'too-many';
}
