/** The queue that replies go to, as much of it as is needed to give out its space. */
export interface ReplyQueue {
  /** Bytes that one reply may have now. */
  readonly space: number;
  /** Sets bytes aside; a negative number gives them back. */
  hold(bytes: number): void;
}

interface Waiter {
  readonly bytes: number;
  readonly until: number;
  resolve(hasSpace: boolean): void;
}

/** How often the queue is looked at while somebody waits: what the network takes says nothing. */
const LOOK_MS = 10;

/**
 * Gives out the space of one client's queue to large replies, in the order of their asking. A client
 * that comes back recovers all its rooms at once: what does not fit yet waits for what is before it.
 */
export class ReplySpace {
  readonly #queue: ReplyQueue;
  #waiters: Waiter[] = [];
  #look: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(queue: ReplyQueue) {
    this.#queue = queue;
  }

  /** Bytes that one reply may have now. */
  get now(): number {
    return this.#queue.space;
  }

  /** Sets that many bytes aside; `false` when there was no space for them in that time. */
  async take(bytes: number, patienceMs: number): Promise<boolean> {
    if (this.#isClosed) return false;
    return await new Promise((resolve) => {
      this.#waiters.push({ bytes, until: performance.now() + patienceMs, resolve });
      this.#admit();
    });
  }

  /** Gives back what was set aside: the reply is written now, or never. */
  release(bytes: number): void {
    this.#queue.hold(-bytes);
    this.#admit();
  }

  /** Nobody gets anything any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#look);
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
  }

  // Strictly in turn: a small one that overtook would keep a large one waiting for ever.
  #admit(): void {
    for (let first = this.#waiters[0]; first; first = this.#waiters[0]) {
      const hasSpace = first.bytes <= this.#queue.space;
      if (!hasSpace && performance.now() < first.until) break;
      this.#waiters.shift();
      if (hasSpace) this.#queue.hold(first.bytes);
      first.resolve(hasSpace);
    }
    clearTimeout(this.#look);
    if (this.#waiters.length > 0) this.#look = setTimeout(() => this.#admit(), LOOK_MS);
  }
}
