import pLimit, { type LimitFunction } from 'p-limit';
import type { LimitName } from './counters.ts';
import type { Limits } from './limits.ts';
import type { Authenticate, Handshake, Principal } from './principal.ts';
import type { TimeBudget } from './time-budget.ts';

/** What the door asks with. */
export interface AuthenticationsOptions {
  readonly authenticate: Authenticate;
  readonly limits: Pick<Limits, 'maxConcurrentAuthenticates'>;
  readonly onExceeded: (limit: LimitName) => void;
}

/**
 * The way to the app's `authenticate`: so many calls at a time and no more, and one call for all who
 * ask at the same time with the same token, so that a storm of reconnects is no storm of queries.
 */
export class Authentications {
  readonly #options: AuthenticationsOptions;
  readonly #limit: LimitFunction;
  readonly #flights = new Map<string, Promise<Principal | null>>();

  constructor(options: AuthenticationsOptions) {
    this.#options = options;
    this.#limit = pLimit(options.limits.maxConcurrentAuthenticates);
  }

  /** Something has changed: what was asked before is no answer for those who ask from here on. */
  startOver(): void {
    this.#flights.clear();
  }

  /** Settles as the app's hook does, or rejects when the time is spent. */
  async ask(handshake: Handshake, time: TimeBudget): Promise<Principal | null> {
    if (handshake.token === undefined) return await this.#call(handshake, time);
    const key = flightKey(handshake);
    const flight = this.#flights.get(key) ?? this.#call(handshake, time);
    this.#flights.set(key, flight);
    try {
      return await flight;
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }

  async #call(handshake: Handshake, time: TimeBudget): Promise<Principal | null> {
    const { authenticate, limits, onExceeded } = this.#options;
    if (this.#limit.activeCount >= limits.maxConcurrentAuthenticates) {
      onExceeded('maxConcurrentAuthenticates');
    }
    return await this.#limit(async () => {
      if (time.isSpent) throw time.late('authenticate, which others are waiting for too');
      // Bounded here: a hook that never answers must not keep its place for ever.
      return await time.spend('authenticate', (async () => await authenticate(handshake))());
    });
  }
}

// All that a hook can see, but for what differs from one socket to the next of the same client.
function flightKey({ headers, url, token, data, remoteAddress }: Handshake): string {
  const { 'sec-websocket-key': _key, ...others } = headers;
  return JSON.stringify([token, url, data, remoteAddress, others]);
}
