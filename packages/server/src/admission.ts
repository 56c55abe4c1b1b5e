import type { LimitName } from './counters.ts';
import type { Node } from './node.ts';
import { TokenBucket } from './rate.ts';

/** Why a handshake is refused, in HTTP's words. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The limit that it ran into; absent while the node starts or drains. */
  readonly limit?: LimitName;
}

/** No room now. */
export const BUSY: Refusal = { status: 503, headers: { 'Retry-After': '1' } };
/** No room for more from the same address. */
export const TOO_MANY: Refusal = { status: 429, headers: { 'Retry-After': '1' } };

/** Decides whether there is room for one more connection: before anything is spent on it. */
export class Admission {
  readonly #node: Node;
  readonly #handshakes: TokenBucket;

  constructor(node: Node) {
    const { handshakesPerSecond, handshakeBurst } = node.limits;
    this.#node = node;
    this.#handshakes = new TokenBucket(handshakesPerSecond, handshakeBurst);
  }

  /** `null`: come in. */
  refusalFor(address: string): Refusal | null {
    const { limits, connections, readiness } = this.#node;
    if (readiness === 'draining' || readiness === 'starting') return BUSY;
    if (readiness === 'overloaded') return { ...BUSY, limit: 'maxEventLoopLagMs' };
    if (connections.size >= limits.maxConnections) return { ...BUSY, limit: 'maxConnections' };
    if (
      connections.unauthenticated >= limits.maxUnauthenticated &&
      !connections.endSilentStranger()
    ) {
      return { ...BUSY, limit: 'maxUnauthenticated' };
    }
    if (connections.strangersFrom(address) >= limits.maxUnauthenticatedPerAddress) {
      return { ...TOO_MANY, limit: 'maxUnauthenticatedPerAddress' };
    }
    if (!this.#handshakes.take()) return { ...BUSY, limit: 'handshakesPerSecond' };
    return null;
  }
}
