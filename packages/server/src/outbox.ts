import type { LimitName } from './counters.ts';
import type { Limits } from './limits.ts';
import type { Line } from './protocol/line.ts';
import type { Transport } from './transport.ts';

/** What an outbox works with. */
export interface OutboxOptions {
  readonly transport: Transport;
  readonly limits: Pick<Limits, 'maxQueuedBytes' | 'maxQueuedLines' | 'writeStallMs'>;
  /** The reader is too slow: ends the connection. */
  readonly onSlow: (limit: LimitName) => void;
  /** A line gave way to a newer one. */
  readonly onConflated: () => void;
}

/** Bytes that the socket is given ahead of what the network takes: what waits here can still change. */
const SOCKET_BYTES = 64 * 1024;
/** What replies leave free of the queue. */
const PUSH_SHARE = 1 / 4;
/** Places of lines that gave way that are not worth looking for. */
const SPARE_PLACES = 64;
/** Around each line in a frame: its newline. */
const SEPARATOR_BYTES = 1;

/**
 * What waits to be sent to one client. Lines written in one turn of the event loop become one frame.
 * Of lines with the same conflation key only the newest waits; apart from that none is ever dropped:
 * when more waits than the limits allow, or for too long, the reader is slow, and that ends the
 * connection.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  /** In the order of their writing; a line that gave way has left a `null`. */
  #lines: (Line | null)[] = [];
  /** Where in `#lines` a key's line waits. */
  #keys: Map<string, number> | null = null;
  #queuedBytes = 0;
  #queuedLines = 0;
  #heldBytes = 0;
  #isScheduled = false;
  /** The socket has enough: the next frame follows when it has written this one. */
  #isWaiting = false;
  #isClosed = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Bytes that one reply may have now: what is free, but for a quarter that is left to pushes. */
  get space(): number {
    const { transport, limits } = this.#options;
    const used = this.#queuedBytes + this.#heldBytes + transport.bufferedBytes;
    return limits.maxQueuedBytes * (1 - PUSH_SHARE) - used;
  }

  write(line: Line): void {
    if (this.#isClosed) return;
    this.#conflate(line);
    const exceeded = this.#exceededBy(line);
    if (exceeded) {
      this.#options.onSlow(exceeded);
      return;
    }
    this.#queuedBytes += line.bytes + SEPARATOR_BYTES;
    this.#queuedLines += 1;
    this.#lines.push(line);
    if (!this.#isWaiting) this.#schedule();
  }

  /**
   * Counts bytes that wait behind the gates of all subscriptions; a negative number gives them back.
   * They will be written here, and must fit.
   */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    const isOver = this.#heldBytes > this.#options.limits.maxQueuedBytes;
    if (isOver && bytes > 0) this.#options.onSlow('maxQueuedBytes');
  }

  /** Sends what waits, now, as far as the socket takes it. */
  flush(): void {
    this.#isScheduled = false;
    while (this.#queuedLines > 0 && !this.#isWaiting && !this.#isClosed) this.#sendFrame();
  }

  /** Sends all that waits, whatever the socket has: there will be no later. */
  flushAll(): void {
    if (this.#queuedLines > 0) this.#options.transport.send(this.#takeFrame(Infinity));
  }

  /** Forgets what waits and takes nothing more. */
  discard(): void {
    this.#isClosed = true;
    this.#forgetLines();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }

  #exceededBy({ bytes }: Line): LimitName | null {
    const { transport, limits } = this.#options;
    const waiting = this.#queuedBytes + transport.bufferedBytes;
    if (waiting + bytes > limits.maxQueuedBytes) return 'maxQueuedBytes';
    return this.#queuedLines >= limits.maxQueuedLines ? 'maxQueuedLines' : null;
  }

  /** Lets an older line of the same key give way. The newer one is written at the end: offsets ascend. */
  #conflate({ conflationKey }: Line): void {
    if (conflationKey === undefined) return;
    this.#keys ??= new Map();
    const at = this.#keys.get(conflationKey);
    const older = at === undefined ? null : this.#lines[at];
    if (at !== undefined && older) {
      this.#lines[at] = null;
      this.#queuedBytes -= older.bytes + SEPARATOR_BYTES;
      this.#queuedLines -= 1;
      this.#options.onConflated();
      this.#compact();
    }
    this.#keys ??= new Map();
    this.#keys.set(conflationKey, this.#lines.length);
  }

  /** Forgets the places of lines that gave way when they are most of all. */
  #compact(): void {
    if (this.#lines.length < 2 * this.#queuedLines + SPARE_PLACES) return;
    this.#lines = this.#lines.filter((line) => line !== null);
    this.#keys = indexKeys(this.#lines);
  }

  #sendFrame(): void {
    const { transport, limits, onSlow } = this.#options;
    const { bufferedBytes } = transport;
    const before = this.#queuedBytes;
    const frame = this.#takeFrame(SOCKET_BYTES - bufferedBytes);
    const isAhead = bufferedBytes + before - this.#queuedBytes > SOCKET_BYTES;
    if (this.#queuedLines === 0 && !isAhead) {
      transport.send(frame);
      return;
    }
    this.#isWaiting = true;
    transport.send(frame, {
      onWritten: () => this.#onWritten(),
      stallMs: limits.writeStallMs,
      onStall: () => onSlow('writeStallMs'),
    });
  }

  #onWritten(): void {
    this.#isWaiting = false;
    this.flush();
  }

  /** Lines of about that many bytes, at least one, as one frame. */
  #takeFrame(maxBytes: number): string {
    const texts: string[] = [];
    let bytes = 0;
    let taken = 0;
    for (const line of this.#lines) {
      if (line && texts.length > 0 && bytes + line.bytes > maxBytes) break;
      taken += 1;
      if (!line) continue;
      texts.push(line.text);
      bytes += line.bytes + SEPARATOR_BYTES;
    }
    this.#forgetFirst(taken, texts.length, bytes);
    return texts.join('\n');
  }

  #forgetFirst(count: number, lines: number, bytes: number): void {
    if (count === this.#lines.length) {
      this.#forgetLines();
      return;
    }
    this.#lines.splice(0, count);
    this.#queuedBytes -= bytes;
    this.#queuedLines -= lines;
    this.#keys = indexKeys(this.#lines);
  }

  #forgetLines(): void {
    this.#lines = [];
    this.#keys = null;
    this.#queuedBytes = 0;
    this.#queuedLines = 0;
  }
}

function indexKeys(lines: readonly (Line | null)[]): Map<string, number> | null {
  const keys = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    if (line?.conflationKey !== undefined) keys.set(line.conflationKey, at);
  }
  return keys.size > 0 ? keys : null;
}
