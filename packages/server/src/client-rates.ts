import type { LimitName } from './counters.ts';
import { type Disconnect, disconnects, type ProtocolError } from './errors.ts';
import type { Node } from './node.ts';
import type { Command } from './protocol/command.ts';
import { TokenBucket } from './rate.ts';

/** Whose rates they are, as much of it as they need. */
export interface ClientRatesOwner {
  readonly node: Pick<Node, 'limits'>;
  exceeded(limit: LimitName): void;
}

/** A pause of this length ends an excess. */
const PAUSE_MS = 1_000;
const MINUTE_S = 60;
/** Errors that a client can get without having done anything wrong. */
const BLAMELESS: ReadonlySet<number> = new Set([105, 106, 109, 111, 112]);

type RateName = 'commandsPerSecond' | 'subscribesPerSecond' | 'refreshesPerSecond';

const BURSTS = {
  commandsPerSecond: 'commandBurst',
  subscribesPerSecond: 'subscribeBurst',
  refreshesPerSecond: 'refreshBurst',
} as const;

/** Commands that have a rate of their own. */
const LIMITS: Partial<Record<Command['method'], RateName>> = {
  subscribe: 'subscribesPerSecond',
  refresh: 'refreshesPerSecond',
  sub_refresh: 'refreshesPerSecond',
};

/** How fast one client sends commands, makes errors and pings. */
export class ClientRates {
  readonly #owner: ClientRatesOwner;
  // Made when they are first needed: most clients do little but answer pings.
  #bytes: TokenBucket | null = null;
  #commands: Partial<Record<RateName, TokenBucket>> | null = null;
  #errors: TokenBucket | null = null;
  #pings: TokenBucket | null = null;
  #excess: { readonly since: number; at: number } | null = null;

  constructor(owner: ClientRatesOwner) {
    this.#owner = owner;
  }

  /** Counts a frame before it is looked at. Throws `Disconnect` 3013 when it is too much. */
  admitFrame(frame: string): void {
    const { inboundBytesPerSecond, inboundBurstBytes } = this.#owner.node.limits;
    this.#bytes ??= new TokenBucket(inboundBytesPerSecond, inboundBurstBytes);
    if (this.#bytes.take(frame.length)) return;
    this.#owner.exceeded('inboundBytesPerSecond');
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
    this.#commands ??= {};
    const bucket = (this.#commands[limit] ??= this.#newBucket(limit));
    if (bucket.take()) return true;
    this.#exceeded(limit);
    return method === 'unsubscribe';
  }

  /** Counts an error reply; what it gives ends the connection. */
  afterError({ code, temporary }: ProtocolError): Disconnect | null {
    if (temporary || BLAMELESS.has(code)) return null;
    const { maxErrorsPerMinute } = this.#owner.node.limits;
    this.#errors ??= new TokenBucket(maxErrorsPerMinute / MINUTE_S, maxErrorsPerMinute);
    if (this.#errors.take()) return null;
    this.#owner.exceeded('maxErrorsPerMinute');
    return disconnects.tooManyErrors;
  }

  /** Counts a ping of the WebSocket; what it gives ends the connection. */
  afterPing(): Disconnect | null {
    const { pingsPerSecond } = this.#owner.node.limits;
    this.#pings ??= new TokenBucket(pingsPerSecond, pingsPerSecond);
    if (this.#pings.take()) return null;
    this.#owner.exceeded('pingsPerSecond');
    return disconnects.tooManyRequests;
  }

  #newBucket(limit: RateName): TokenBucket {
    const { limits } = this.#owner.node;
    return new TokenBucket(limits[limit], limits[BURSTS[limit]]);
  }

  #exceeded(limit: LimitName): void {
    const now = performance.now();
    this.#owner.exceeded(limit);
    if (!this.#excess || now - this.#excess.at > PAUSE_MS) this.#excess = { since: now, at: now };
    this.#excess.at = now;
    if (now - this.#excess.since < this.#owner.node.limits.maxExcessMs) return;
    this.#owner.exceeded('maxExcessMs');
    throw disconnects.tooManyRequests;
  }
}
