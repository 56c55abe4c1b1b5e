/** The longest delay that a timer of the runtime keeps; a longer one would fire at once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

/**
 * Calls back when an answer is late. What has arrived is read first: after a stall of this process
 * the answer may be waiting in the socket, and a healthy peer must not pay for our stall.
 */
export class Deadline {
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;

  /** Starts over: an earlier call of `set` counts no more. */
  set(delayMs: number, onLate: () => void): void {
    this.clear();
    const look = () => {
      this.#lastLook = setImmediate(onLate);
    };
    this.#timer = setTimeout(look, Math.min(Math.max(0, delayMs), MAX_TIMER_MS));
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#lastLook);
  }
}
