import type { LimitName } from './counters.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Node } from './node.ts';
import type { Alarm } from './timer-wheel.ts';

/** Whose lifetime it is, as much of it as the lifetime needs. */
export interface LifetimeOwner {
  readonly node: Pick<Node, 'limits' | 'wheel'>;
  sendPing(): void;
  /** It is time to ask anew what it may hear. */
  recheck(): void;
  exceeded(limit: LimitName): void;
  close(disconnect: Disconnect): void;
}

/** Not expected, by the wheel's clock or the wall's. */
const NEVER = 0;
/** What is due in a second or more is due in whole quarters of one. */
const COARSE_FROM_MS = 1_000;
const COARSE_MS = 250;

/**
 * How long a connection lives: until its connect is late, then as long as it answers pings and what
 * it was let in for lasts. Pings come at a fixed interval, the first after a random part of it so that
 * clients that came together do not answer together; to each a pong is expected (protocol, section 5).
 * One alarm rings for whatever is next.
 */
export class Lifetime implements Alarm {
  spoke: Alarm['spoke'] = null;
  readonly #owner: LifetimeOwner;
  /** When the client must have come. */
  #clientDueAt = NEVER;
  #pingAt = NEVER;
  /** When the ping went out that has no pong yet. */
  #pingedAt = NEVER;
  #pongDueAt = NEVER;
  /** When it is asked anew what it may hear. */
  #recheckAt = NEVER;
  /** When what it was let in for ends, by the wall clock: it is the clock that tokens are made by. */
  #expiresAt = NEVER;
  #graceMs = 0;
  #onDecided: (() => void)[] | null = null;

  constructor(owner: LifetimeOwner) {
    this.#owner = owner;
  }

  /** Has what it was let in for ended, whether or not its grace has? */
  get isOver(): boolean {
    return this.#expiresAt !== NEVER && this.#expiresAt <= Date.now();
  }

  /** It must connect, or leave, in time. */
  expectClient(): void {
    this.#clientDueAt = later(this.#owner.node.limits.connectDeadlineMs);
    this.#setAlarm();
  }

  /** It has: from here on lateness is ours. */
  clientCame(): void {
    this.#clientDueAt = NEVER;
    this.#setAlarm();
  }

  /** From here on it must answer pings. */
  start(): void {
    const { pingIntervalMs, reauthorizeIntervalMs } = this.#owner.node.limits;
    this.#pingAt = later(pingIntervalMs * (0.5 + Math.random() / 2));
    this.recheckIn(reauthorizeIntervalMs);
  }

  /** Within that time it is asked anew what it may hear; those that came together are not asked together. */
  recheckIn(ms: number): void {
    this.#recheckAt = ms === Infinity ? NEVER : later(ms * (0.5 + Math.random() / 2));
    this.#setAlarm();
  }

  /** From here on it ends so long after that moment; `undefined`: not by itself. */
  expireAt(expiresAt: number | undefined, graceMs: number): void {
    this.#expiresAt = expiresAt === undefined ? NEVER : Math.max(expiresAt, 1);
    this.#graceMs = graceMs;
    if (this.#hasExpired) this.#owner.close(disconnects.expired);
    else this.#setAlarm();
  }

  /** Takes a pong. `false`: it answers no ping. */
  pong(): boolean {
    if (this.#pingedAt === NEVER) return false;
    this.#pingAt = later(this.#owner.node.limits.pingIntervalMs, this.#pingedAt);
    this.#pingedAt = NEVER;
    this.#pongDueAt = NEVER;
    this.#setAlarm();
    this.#decided();
    return true;
  }

  /** Asks for a sign of life; resolves when there was one, or it has ended for want of it. */
  async probe(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.#onDecided ??= []).push(resolve);
    if (this.#pingedAt === NEVER) this.#ping();
    // Only ever sooner: asking again and again must not keep a dead peer alive.
    this.#pongDueAt = Math.min(this.#pongDueAt, later(timeoutMs));
    this.#setAlarm();
    await promise;
  }

  end(): void {
    this.#owner.node.wheel.clear(this);
    this.#clientDueAt = NEVER;
    this.#pingAt = NEVER;
    this.#pongDueAt = NEVER;
    this.#recheckAt = NEVER;
    this.#expiresAt = NEVER;
    this.#decided();
  }

  ring(): void {
    const now = performance.now();
    if (isDue(this.#clientDueAt, now)) this.#late('connectDeadlineMs', disconnects.stale);
    else if (this.#hasExpired) this.#owner.close(disconnects.expired);
    else if (isDue(this.#pongDueAt, now)) this.#late('pongTimeoutMs', disconnects.noPong);
    else if (isDue(this.#pingAt, now)) this.#ping();
    else if (isDue(this.#recheckAt, now)) this.#recheck();
    this.#setAlarm();
  }

  get #hasExpired(): boolean {
    return this.#expiresAt !== NEVER && this.#expiresAt + this.#graceMs <= Date.now();
  }

  #ping(): void {
    this.#pingAt = NEVER;
    this.#pingedAt = later(0);
    this.#pongDueAt = later(this.#owner.node.limits.pongTimeoutMs);
    this.#owner.sendPing();
  }

  #recheck(): void {
    this.#recheckAt = NEVER;
    this.#owner.recheck();
  }

  #late(limit: LimitName, disconnect: Disconnect): void {
    this.#owner.exceeded(limit);
    this.#owner.close(disconnect);
  }

  /** Sets the alarm for whatever is due next. */
  #setAlarm(): void {
    const { wheel } = this.#owner.node;
    const now = performance.now();
    let dueAt = Infinity;
    if (this.#clientDueAt !== NEVER) dueAt = this.#clientDueAt;
    if (this.#pingAt !== NEVER) dueAt = Math.min(dueAt, this.#pingAt);
    if (this.#pongDueAt !== NEVER) dueAt = Math.min(dueAt, this.#pongDueAt);
    if (this.#recheckAt !== NEVER) dueAt = Math.min(dueAt, this.#recheckAt);
    if (this.#expiresAt !== NEVER) {
      dueAt = Math.min(dueAt, now + this.#expiresAt + this.#graceMs - Date.now());
    }
    if (dueAt === Infinity) wheel.clear(this);
    else wheel.set(this, Math.max(0, dueAt - now));
  }

  #decided(): void {
    const resolvers = this.#onDecided ?? [];
    this.#onDecided = null;
    for (const resolve of resolvers) resolve();
  }
}

/**
 * So many milliseconds after a moment, by the wheel's clock. Where seconds are meant, those of many clients are
 * due together; whole numbers, because they need no box.
 */
function later(delayMs: number, from: number = performance.now()): number {
  const grainMs = delayMs < COARSE_FROM_MS ? 1 : COARSE_MS;
  return Math.ceil((from + delayMs) / grainMs) * grainMs;
}

function isDue(dueAt: number, now: number): boolean {
  return dueAt !== NEVER && dueAt <= now;
}
