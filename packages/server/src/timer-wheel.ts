import { AsyncResource } from 'node:async_hooks';

/** Something that wants to be rung. Must not throw. */
export interface Alarm {
  ring(): void;
  /** The wheel's own: where the alarm hangs. */
  spoke: Spoke | null;
}

/** Alarms that are due together. */
interface Spoke {
  readonly dueAt: number;
  readonly alarms: Set<Alarm>;
}

/** Alarms that are due within so many milliseconds ring together. */
const GRAIN_MS = 5;
/** The longest delay that a timer of the runtime keeps; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Alarms that ring in one turn of the event loop. */
const MAX_RINGS = 500;

/**
 * One timer for all the connections of a node: an alarm each, never early, and a few milliseconds late.
 * What has arrived is read before an alarm rings: after a stall of this
 * process the answer may be waiting in the socket, and a healthy peer must not pay for our stall.
 */
export class TimerWheel {
  readonly #spokes = new Map<number, Spoke>();
  #next: Spoke | null = null;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fired whose alarms are about to ring. */
  #firedAt = 0;
  readonly #onTimer: () => void;
  readonly #onRead: () => void;

  constructor() {
    // The timer is everybody's: set for a tenant's request it must not act as that tenant.
    this.#onTimer = AsyncResource.bind(() => {
      this.#firedAt = performance.now();
      setImmediate(this.#onRead);
    });
    this.#onRead = AsyncResource.bind(() => this.#ring());
  }

  /** Rings an alarm once, so many milliseconds from now; an earlier call counts no more. */
  set(alarm: Alarm, delayMs: number): void {
    this.clear(alarm);
    const spoke = this.#spokeAt(Math.ceil((performance.now() + delayMs) / GRAIN_MS) * GRAIN_MS);
    spoke.alarms.add(alarm);
    alarm.spoke = spoke;
    if (!this.#next || spoke.dueAt < this.#next.dueAt) this.#wait(spoke);
  }

  clear(alarm: Alarm): void {
    const { spoke } = alarm;
    if (!spoke) return;
    spoke.alarms.delete(alarm);
    alarm.spoke = null;
    if (spoke.alarms.size > 0) return;
    this.#spokes.delete(spoke.dueAt);
    if (spoke === this.#next) this.#waitForFirst();
  }

  #spokeAt(dueAt: number): Spoke {
    const spoke = this.#spokes.get(dueAt) ?? { dueAt, alarms: new Set() };
    this.#spokes.set(dueAt, spoke);
    return spoke;
  }

  #wait(spoke: Spoke): void {
    this.#next = spoke;
    clearTimeout(this.#timer);
    const delayMs = Math.max(0, spoke.dueAt - performance.now());
    this.#timer = setTimeout(this.#onTimer, Math.min(Math.ceil(delayMs), MAX_TIMER_MS)).unref();
  }

  #waitForFirst(): void {
    clearTimeout(this.#timer);
    this.#next = null;
    const first = Math.min(...this.#spokes.keys());
    const spoke = this.#spokes.get(first);
    if (spoke) this.#wait(spoke);
  }

  // What became due since the timer fired has not been read for. What is too much for a turn rings in
  // the next.
  #ring(): void {
    let rings = 0;
    for (const spoke of [...this.#spokes.values()]) {
      if (spoke.dueAt > this.#firedAt) continue;
      for (const alarm of spoke.alarms) {
        if (rings === MAX_RINGS) break;
        rings += 1;
        this.clear(alarm);
        alarm.ring();
      }
    }
    this.#waitForFirst();
  }
}
