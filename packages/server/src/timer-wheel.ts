import { AsyncResource } from 'node:async_hooks';
import { MAX_TIMER_MS } from './deadline.ts';

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
/** Alarms that ring in one turn of the event loop. */
const MAX_RINGS = 500;

/**
 * One timer for all that a node waits for in large numbers: never early, and a few milliseconds late. What
 * has arrived is read before an alarm rings: after a stall of this process the answer may be waiting in
 * the socket, and a healthy peer must not pay for our stall.
 */
export class TimerWheel {
  readonly #spokes = new Map<number, Spoke>();
  /** When the timer fires: no later than the first alarm is due, and perhaps for nothing. */
  #firesAt = Infinity;
  #timer: NodeJS.Timeout | undefined;
  readonly #onTimer: () => void;

  constructor() {
    // The timer is everybody's: set for a tenant's request it must not act as that tenant.
    this.#onTimer = AsyncResource.bind(() => {
      const now = performance.now();
      // Two rounds of reading: an answer may come by a connection that has to be accepted first.
      setImmediate(() => setImmediate(() => this.#ring(now)));
    });
  }

  /** Rings an alarm once, so many milliseconds from now; an earlier call counts no more. */
  set(alarm: Alarm, delayMs: number): void {
    this.clear(alarm);
    const spoke = this.#spokeAt(Math.ceil((performance.now() + delayMs) / GRAIN_MS) * GRAIN_MS);
    spoke.alarms.add(alarm);
    alarm.spoke = spoke;
    if (spoke.dueAt < this.#firesAt) this.#waitFor(spoke.dueAt);
  }

  clear(alarm: Alarm): void {
    const { spoke } = alarm;
    if (!spoke) return;
    spoke.alarms.delete(alarm);
    alarm.spoke = null;
    if (spoke.alarms.size > 0) return;
    this.#spokes.delete(spoke.dueAt);
    // Looking for the first of those that are left costs more than one look too many.
    if (this.#spokes.size === 0) this.#waitFor(Infinity);
  }

  #spokeAt(dueAt: number): Spoke {
    const spoke = this.#spokes.get(dueAt) ?? { dueAt, alarms: new Set() };
    this.#spokes.set(dueAt, spoke);
    return spoke;
  }

  #waitFor(dueAt: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = dueAt;
    if (this.#spokes.size === 0) return;
    const delayMs = Math.ceil(Math.max(0, dueAt - performance.now()));
    this.#timer = setTimeout(this.#onTimer, Math.min(delayMs, MAX_TIMER_MS));
  }

  // What became due since the timer fired has not been read for. What is too much for a turn rings in
  // the next.
  #ring(until: number): void {
    try {
      this.#ringDue(until);
    } finally {
      // Whatever an alarm has thrown, the others will be rung.
      this.#waitFor(Math.min(...this.#spokes.keys()));
    }
  }

  #ringDue(until: number): void {
    let rings = 0;
    for (const spoke of [...this.#spokes.values()]) {
      if (spoke.dueAt > until) continue;
      for (const alarm of spoke.alarms) {
        if (rings === MAX_RINGS) break;
        rings += 1;
        this.clear(alarm);
        alarm.ring();
      }
    }
  }
}
