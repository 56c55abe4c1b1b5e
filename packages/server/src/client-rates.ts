import type { LimitName } from './counters.ts';
import { type Disconnect, disconnects, type ProtocolError } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Command } from './protocol/command.ts';
import { TokenBucket } from './rate.ts';

/** What is done about a client that is too fast. */
export interface ClientRatesOptions {
  readonly limits: Limits;
  readonly onExceeded: (limit: LimitName) => void;
}

/** A pause of this length ends an excess. */
const PAUSE_MS = 1_000;
const MINUTE_S = 60;
/** Errors that a client can get without having done anything wrong. */
const BLAMELESS: ReadonlySet<number> = new Set([105, 106, 109, 111, 112]);

type RateName = 'commandsPerSecond' | 'subscribesPerSecond' | 'refreshesPerSecond';

/** Commands that have a rate of their own. */
const LIMITS: Partial<Record<Command['method'], RateName>> = {
  subscribe: 'subscribesPerSecond',
  refresh: 'refreshesPerSecond',
  sub_refresh: 'refreshesPerSecond',
};

/** How fast one client sends commands, makes errors and pings. */
export class ClientRates {
  readonly #options: ClientRatesOptions;
  readonly #buckets: Readonly<Record<RateName, TokenBucket>>;
  readonly #bytes: TokenBucket;
  readonly #errors: TokenBucket;
  readonly #pings: TokenBucket;
  #excessSince = 0;
  #excessAt = -Infinity;

  constructor(options: ClientRatesOptions) {
    const { limits } = options;
    const { maxErrorsPerMinute, pingsPerSecond } = limits;
    this.#options = options;
    this.#buckets = {
      commandsPerSecond: new TokenBucket(limits.commandsPerSecond, limits.commandBurst),
      subscribesPerSecond: new TokenBucket(limits.subscribesPerSecond, limits.subscribeBurst),
      refreshesPerSecond: new TokenBucket(limits.refreshesPerSecond, limits.refreshBurst),
    };
    this.#bytes = new TokenBucket(limits.inboundBytesPerSecond, limits.inboundBurstBytes);
    this.#errors = new TokenBucket(maxErrorsPerMinute / MINUTE_S, maxErrorsPerMinute);
    this.#pings = new TokenBucket(pingsPerSecond, pingsPerSecond);
  }

  /** Counts a frame before it is looked at. Throws `Disconnect` 3013 when it is too much. */
  admitFrame(frame: string): void {
    if (this.#bytes.take(frame.length)) return;
    this.#options.onExceeded('inboundBytesPerSecond');
    throw disconnects.tooManyRequests;
  }

  /**
   * May this command be carried out? Throws `Disconnect` 3013 when the client has sent too fast for
   * too long. An unsubscribe is carried out all the same: its error would only make the client come
   * back with all it has.
   */
  admit({ method }: Command): boolean {
    if (method === 'connect') return true; // there is one
    const limit = LIMITS[method] ?? 'commandsPerSecond';
    if (this.#buckets[limit].take()) return true;
    this.#exceeded(limit);
    return method === 'unsubscribe';
  }

  /** Counts an error reply; what it gives ends the connection. */
  afterError({ code, temporary }: ProtocolError): Disconnect | null {
    if (temporary || BLAMELESS.has(code) || this.#errors.take()) return null;
    this.#options.onExceeded('maxErrorsPerMinute');
    return disconnects.tooManyErrors;
  }

  /** Counts a ping of the WebSocket; what it gives ends the connection. */
  afterPing(): Disconnect | null {
    if (this.#pings.take()) return null;
    this.#options.onExceeded('pingsPerSecond');
    return disconnects.tooManyRequests;
  }

  #exceeded(limit: LimitName): void {
    const { limits, onExceeded } = this.#options;
    const now = performance.now();
    onExceeded(limit);
    if (now - this.#excessAt > PAUSE_MS) this.#excessSince = now;
    this.#excessAt = now;
    if (now - this.#excessSince < limits.maxExcessMs) return;
    onExceeded('maxExcessMs');
    throw disconnects.tooManyRequests;
  }
}
