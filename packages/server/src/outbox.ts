import type { Line } from './protocol.ts';
import type { Transport } from './transport.ts';

/**
 * What waits to be sent to one client. Lines written in one turn of the event loop become one
 * frame. Never drops a line: when more bytes wait than the limit allows, the reader is slow, and
 * that ends the connection.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #maxQueuedBytes: number;
  readonly #onSlow: () => void;
  #lines: string[] = [];
  #queuedBytes = 0;
  #closed = false;

  constructor(transport: Transport, maxQueuedBytes: number, onSlow: () => void) {
    this.#transport = transport;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.#onSlow = onSlow;
  }

  write({ text, bytes }: Line): void {
    if (this.#closed) return;
    if (this.#queuedBytes + this.#transport.bufferedBytes + bytes > this.#maxQueuedBytes) {
      this.#onSlow();
      return;
    }
    this.#queuedBytes += bytes;
    this.#lines.push(text);
    if (this.#lines.length === 1) setImmediate(() => this.flush());
  }

  /** Sends what waits, now. */
  flush(): void {
    if (this.#lines.length === 0) return;
    const frame = this.#lines.join('\n');
    this.#lines = [];
    this.#queuedBytes = 0;
    this.#transport.send(frame);
  }

  /** Forgets what waits and takes nothing more. */
  discard(): void {
    this.#closed = true;
    this.#lines = [];
    this.#queuedBytes = 0;
  }
}
