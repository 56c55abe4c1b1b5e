/** What is given out. */
export interface Stock {
  /** Takes that much, if it is there. */
  tryTake(amount: number): boolean;
  /** Milliseconds until it is worth looking again. */
  waitMs(): number;
}

interface Waiter {
  readonly amount: number;
  readonly until: number;
  resolve(isTaken: boolean): void;
}

/** Gives out something scarce in the order of asking, to each who is patient enough. */
export class WaitingQueue {
  readonly #stock: Stock;
  #waiters: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(stock: Stock) {
    this.#stock = stock;
  }

  /** Takes that much; `false` when there was not so much in that time. */
  async take(amount: number, patienceMs: number): Promise<boolean> {
    if (this.#isClosed) return false;
    if (this.#waiters.length === 0 && this.#stock.tryTake(amount)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiters.push({ amount, until: performance.now() + patienceMs, resolve });
    this.#wait();
    return await promise;
  }

  /**
   * Looks who can be served now: more may be there than before. Strictly in turn: a small one that
   * overtook would keep a large one waiting for ever.
   */
  admit(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let first = this.#waiters[0]; first; first = this.#waiters[0]) {
      const isTaken = this.#stock.tryTake(first.amount);
      if (!isTaken && performance.now() < first.until) break;
      this.#waiters.shift();
      first.resolve(isTaken);
    }
    this.#wait();
  }

  /** Nobody gets anything any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
  }

  #wait(): void {
    const [first] = this.#waiters;
    if (!first || this.#timer) return;
    const waitMs = Math.min(this.#stock.waitMs(), first.until - performance.now());
    this.#timer = setTimeout(() => this.admit(), Math.max(1, waitMs)).unref();
  }
}
