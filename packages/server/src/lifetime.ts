import type { LimitName } from './counters.ts';
import { Deadline } from './deadline.ts';
import { type Disconnect, disconnects } from './errors.ts';
import { Expiry } from './expiry.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Limits } from './limits.ts';

/** What a lifetime works with. */
export interface LifetimeOptions {
  readonly limits: Limits;
  readonly sendPing: () => void;
  readonly onExceeded: (limit: LimitName) => void;
  readonly onEnd: (disconnect: Disconnect) => void;
}

/**
 * How long a connection lives: until its connect is late, then as long as it answers pings and what
 * it was let in for lasts.
 */
export class Lifetime {
  readonly #options: LifetimeOptions;
  readonly #deadline = new Deadline();
  readonly #expiry = new Expiry();
  readonly #heartbeat: Heartbeat;

  constructor(options: LifetimeOptions) {
    const { limits, sendPing } = options;
    this.#options = options;
    this.#heartbeat = new Heartbeat({
      pingIntervalMs: limits.pingIntervalMs,
      pongTimeoutMs: limits.pongTimeoutMs,
      sendPing,
      onNoPong: () => this.#late('pongTimeoutMs', disconnects.noPong),
    });
  }

  /** Has what it was let in for ended, whether or not its grace has? */
  get isOver(): boolean {
    return this.#expiry.isOver;
  }

  /** It must connect, or leave, in time. */
  expectClient(): void {
    const late = () => this.#late('connectDeadlineMs', disconnects.stale);
    this.#deadline.set(this.#options.limits.connectDeadlineMs, late);
  }

  /** It has: from here on lateness is ours. */
  clientCame(): void {
    this.#deadline.clear();
  }

  /** From here on it must answer pings. */
  start(): void {
    this.#heartbeat.start();
  }

  /** From here on it ends so long after that moment; `undefined`: not by itself. */
  expireAt(expiresAt: number | undefined, graceMs: number): void {
    this.#expiry.set(expiresAt, graceMs, () => this.#options.onEnd(disconnects.expired));
  }

  /** Takes a pong. `false`: it answers no ping. */
  pong(): boolean {
    return this.#heartbeat.pong();
  }

  /** Asks for a sign of life; resolves when there was one, or it has ended for want of it. */
  async probe(timeoutMs: number): Promise<void> {
    await this.#heartbeat.probe(timeoutMs);
  }

  end(): void {
    this.#deadline.clear();
    this.#expiry.clear();
    this.#heartbeat.stop();
  }

  #late(limit: LimitName, disconnect: Disconnect): void {
    this.#options.onExceeded(limit);
    this.#options.onEnd(disconnect);
  }
}
