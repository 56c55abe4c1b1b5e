import { Deadline } from './deadline.ts';

/** What a heartbeat needs from its session, and how fast it beats. */
export interface HeartbeatOptions {
  /** Milliseconds from one ping to the next. */
  readonly pingIntervalMs: number;
  /** Milliseconds until a missing pong ends the connection. */
  readonly pongTimeoutMs: number;
  sendPing(): void;
  onNoPong(): void;
}

/**
 * Finds dead peers: pings at a fixed interval, the first after a random part of it so that clients
 * that came together do not answer together, and expects a pong to each.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #next = new Deadline();
  #pingedAt: number | null = null;
  #pongDueAt = Infinity;
  #onDecided: (() => void)[] = [];

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.#pingIn(this.#options.pingIntervalMs * (0.5 + Math.random() / 2));
  }

  stop(): void {
    this.#next.clear();
    this.#decided();
  }

  /** Resolves when a pong has come, or its lack has ended the connection: at the latest then. */
  async probe(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onDecided.push(resolve);
    if (this.#pingedAt === null) this.#ping();
    this.#expectPong(timeoutMs);
    await promise;
  }

  /** Takes a pong. `false`: it answers no ping. */
  pong(): boolean {
    if (this.#pingedAt === null) return false;
    const elapsedMs = performance.now() - this.#pingedAt;
    this.#pingedAt = null;
    this.#pingIn(this.#options.pingIntervalMs - elapsedMs);
    this.#decided();
    return true;
  }

  #pingIn(delayMs: number): void {
    this.#next.set(delayMs, () => this.#ping());
  }

  #ping(): void {
    this.#pingedAt = performance.now();
    this.#pongDueAt = Infinity;
    this.#options.sendPing();
    this.#expectPong(this.#options.pongTimeoutMs);
  }

  // Only ever sooner: asking again and again must not keep a dead peer alive.
  #expectPong(timeoutMs: number): void {
    const dueAt = performance.now() + timeoutMs;
    if (dueAt >= this.#pongDueAt) return;
    this.#pongDueAt = dueAt;
    this.#next.set(timeoutMs, () => this.#options.onNoPong());
  }

  #decided(): void {
    for (const resolve of this.#onDecided.splice(0)) resolve();
  }
}
