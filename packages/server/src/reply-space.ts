import { WaitingQueue } from './waiting-queue.ts';

/** The queue that replies go to, as much of it as is needed to give out its space. */
export interface ReplyQueue {
  /** Bytes that one reply may have now. */
  readonly space: number;
  /** Sets bytes aside; a negative number gives them back. */
  hold(bytes: number): void;
}

/** How often the queue is looked at while somebody waits: what the network takes says nothing. */
const LOOK_MS = 10;

/**
 * Gives out the space of one client's queue to large replies, in the order of their asking. A client
 * that comes back recovers all its rooms at once: what does not fit yet waits for what is before it.
 */
export class ReplySpace {
  readonly #queue: ReplyQueue;
  readonly #waiting: WaitingQueue;

  constructor(queue: ReplyQueue) {
    this.#queue = queue;
    this.#waiting = new WaitingQueue({
      tryTake: (bytes) => this.#tryTake(bytes),
      waitMs: () => LOOK_MS,
    });
  }

  /** Bytes that one reply may have now. */
  get now(): number {
    return this.#queue.space;
  }

  /** Sets that many bytes aside; `false` when there was no space for them in that time. */
  async take(bytes: number, patienceMs: number): Promise<boolean> {
    return await this.#waiting.take(bytes, patienceMs);
  }

  /** Gives back what was set aside: the reply is written now, or never. */
  release(bytes: number): void {
    this.#queue.hold(-bytes);
    this.#waiting.admit();
  }

  /** Nobody gets anything any more. */
  close(): void {
    this.#waiting.close();
  }

  #tryTake(bytes: number): boolean {
    if (bytes > this.#queue.space) return false;
    this.#queue.hold(bytes);
    return true;
  }
}
