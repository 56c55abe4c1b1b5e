import { AsyncResource } from 'node:async_hooks';
import { Deadline } from '../deadline.ts';
import { BrokerUnavailableError } from './broker.ts';
import { type Place, RecencyList } from './recency-list.ts';
import { NoAnswerError } from './redis-errors.ts';

/** How much may wait for an answer, and how long. */
export interface InFlightLimits {
  readonly maxCommands: number;
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** A command that waits for its answer. */
export interface Asked {
  readonly name: string;
  readonly bytes: number;
  readonly askedAt: number;
  /** When it was written; until then, when it was asked. */
  sentAt: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Error) => void;
  /** Has whoever asked been told that it is late? */
  isLate: boolean;
  /** Where it waits; `null`: it does not. */
  place: Place<Asked> | null;
}

/**
 * What was asked of one connection and is not answered yet: bounded, and each for a limited time. While
 * the oldest is late, nothing more is taken: what is frozen must not be fed.
 */
export class InFlight {
  readonly #limits: InFlightLimits;
  readonly #asked = new RecencyList<Asked>();
  readonly #deadline = new Deadline();
  readonly #onDeadline: () => void;
  readonly #onLate: () => void;
  #isTimed = false;
  #size = 0;
  #bytes = 0;
  #onEmpty: (() => void) | null = null;

  constructor(limits: InFlightLimits, onLate: () => void) {
    this.#limits = limits;
    this.#onLate = onLate;
    // The timer is everybody's: set for a tenant's publication it must not act as that tenant.
    this.#onDeadline = AsyncResource.bind(() => this.#expire());
  }

  get size(): number {
    return this.#size;
  }

  /** Why nothing more may be asked; `null`: it may. */
  refusal(bytes: number, now: number): BrokerUnavailableError | null {
    const { maxCommands, maxBytes } = this.#limits;
    const oldest = this.#asked.oldest?.value;
    if (!oldest) return null;
    if (oldest.isLate) {
      return new BrokerUnavailableError(
        `Redis has not answered for ${Math.round(now - oldest.sentAt)} ms: not asked for more until it does`,
      );
    }
    if (this.size < maxCommands && this.#bytes + bytes <= maxBytes) return null;
    return new BrokerUnavailableError(
      `Redis is too slow for what is asked of it: ${this.size} commands of ${this.#bytes} bytes wait (maxInFlight allows ${maxCommands}, maxInFlightBytes ${maxBytes})`,
    );
  }

  add(asked: Asked): void {
    asked.place = this.#asked.add(asked);
    this.#size += 1;
    this.#bytes += asked.bytes;
    if (!this.#isTimed) this.#waitFor(asked);
  }

  /** It was answered, or will never be. */
  remove(asked: Asked): void {
    if (!asked.place) return;
    this.#asked.remove(asked.place);
    asked.place = null;
    this.#size -= 1;
    this.#bytes -= asked.bytes;
    if (this.#size === 0) this.#onEmpty?.();
  }

  /** Resolves when nothing waits any more, or when all of it is late. */
  async settled(): Promise<void> {
    if (this.#size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const late = setTimeout(resolve, this.#limits.timeoutMs);
    await promise;
    clearTimeout(late);
  }

  /** None of it will be answered any more. */
  abandon(reason: (asked: Asked) => Error): void {
    this.#deadline.clear();
    this.#isTimed = false;
    for (let place = this.#asked.oldest; place; place = this.#asked.oldest) {
      this.remove(place.value);
      place.value.reject(reason(place.value));
    }
  }

  #waitFor(asked: Asked): void {
    this.#isTimed = true;
    const delayMs = asked.sentAt + this.#limits.timeoutMs - performance.now();
    this.#deadline.set(Math.ceil(delayMs), this.#onDeadline);
  }

  #expire(): void {
    this.#isTimed = false;
    const lateBefore = performance.now() - this.#limits.timeoutMs;
    for (let place = this.#asked.oldest; place; place = place.after) {
      const asked = place.value;
      if (asked.isLate) continue;
      if (asked.sentAt > lateBefore) return this.#waitFor(asked);
      asked.isLate = true;
      asked.reject(
        new NoAnswerError(
          `Redis did not answer ${asked.name} in ${this.#limits.timeoutMs} ms: whether it was done is not known`,
        ),
      );
      this.#onLate();
    }
  }
}
