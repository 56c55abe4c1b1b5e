import Queue from 'yocto-queue';
import type { Alarm, TimerWheel } from './timer-wheel.ts';

/** What somebody waits with. */
export interface PatienceOptions {
  readonly wheel: TimerWheel;
  /** Milliseconds, the same for all. */
  readonly timeoutMs: number;
  readonly onLate: () => Error;
}

interface Wait {
  readonly dueAt: number;
  readonly reject: (reason: Error) => void;
  isOver: boolean;
}

/**
 * Waits for many answers that may all take the same time. They are late in the order of their asking,
 * so that one alarm does for all: a timer for each would cost more than most of what is waited for.
 */
export class Patience implements Alarm {
  spoke: Alarm['spoke'] = null;
  readonly #options: PatienceOptions;
  readonly #waits = new Queue<Wait>();

  constructor(options: PatienceOptions) {
    this.#options = options;
  }

  /** Settles as `work` does, or rejects when that takes too long. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { timeoutMs, wheel } = this.#options;
    if (timeoutMs === Infinity) return await work;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const wait: Wait = { dueAt: performance.now() + timeoutMs, reject, isOver: false };
    this.#waits.enqueue(wait);
    if (!this.spoke) wheel.set(this, timeoutMs);
    work.then(resolve, reject);
    try {
      return await promise;
    } finally {
      wait.isOver = true;
      this.#forgetOver();
    }
  }

  ring(): void {
    const now = performance.now();
    for (let wait = this.#waits.peek(); wait && wait.dueAt <= now; wait = this.#waits.peek()) {
      this.#waits.dequeue();
      if (!wait.isOver) wait.reject(this.#options.onLate());
    }
    const next = this.#waits.peek();
    if (next) this.#options.wheel.set(this, next.dueAt - now);
  }

  // Of those behind one that takes its time, the rest are forgotten with it.
  #forgetOver(): void {
    while (this.#waits.peek()?.isOver) this.#waits.dequeue();
    if (this.#waits.size === 0) this.#options.wheel.clear(this);
  }
}
