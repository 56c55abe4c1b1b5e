import { type EventFor, matchesEventType, type ReceivedEvent } from '@trunkline/contract';
import { guard, type OnError } from './log.ts';
import { RecentIds } from './recent.ts';

/** Called with each event whose type matches the pattern. */
export type EventHandler<P extends string = string> = (event: EventFor<P>) => void;

/**
 * Registers a handler for an event type, or a pattern (`data:*`, `*`); returns how to remove it.
 * Registering is local: it opens no connection and sends nothing.
 */
export type Subscribe = <P extends string>(type: P, handler: EventHandler<P>) => () => void;

interface Registration {
  readonly pattern: string;
  readonly handler: (event: never) => unknown;
}

/** Handlers that belong together: those of one mounted hook, or of the whole page. */
export class HandlerSet {
  readonly #registrations = new Set<Registration>();

  readonly subscribe: Subscribe = (pattern, handler) => {
    const registration: Registration = { pattern, handler };
    this.#registrations.add(registration);
    return () => void this.#registrations.delete(registration);
  };

  /**
   * Calls the handlers of the event's type in the order of their registration and never throws.
   * A handler that was removed meanwhile is not called, and none is when `isCurrent` says that
   * this set has left the connection.
   */
  dispatch(event: ReceivedEvent, isCurrent: () => boolean, onError: OnError | undefined): void {
    for (const registration of [...this.#registrations]) {
      if (!isCurrent()) return;
      if (!this.#registrations.has(registration)) continue;
      if (!matchesEventType(registration.pattern, event.type)) continue;
      guard(() => registration.handler(event as never), onError);
    }
  }
}

const REMEMBERED_IDS = 500;

/** Recognises an event that a channel has delivered before. */
export class Duplicates {
  readonly #channels = new Map<string, RecentIds>();

  isDuplicate(event: ReceivedEvent): boolean {
    let seen = this.#channels.get(event.channel);
    if (!seen) {
      seen = new RecentIds(REMEMBERED_IDS);
      this.#channels.set(event.channel, seen);
    }
    return !seen.add(event.id);
  }

  /** The page has left this channel: its ids are needed no more. */
  forget(channel: string): void {
    this.#channels.delete(channel);
  }

  clear(): void {
    this.#channels.clear();
  }
}

/** A publication's data as an event; `null` when it is no envelope. */
export function toReceivedEvent(
  channel: string,
  data: unknown,
  replayed: boolean,
): ReceivedEvent | null {
  if (typeof data !== 'object' || data === null) return null;
  const { id, type } = data as { id?: unknown; type?: unknown };
  if (typeof id !== 'string' || typeof type !== 'string') return null;
  return { ...(data as ReceivedEvent), channel, replayed };
}
