import type { LimitName } from './counters.ts';
import type { Node } from './node.ts';
import { Batch } from './protocol/batch.ts';
import type { Line } from './protocol/line.ts';
import type { SendProgress, Transport } from './transport.ts';
import type { Writer } from './turn.ts';
import { WaitingLines } from './waiting-lines.ts';

/** Whose outbox it is, as much of it as the outbox needs. */
export interface OutboxOwner {
  readonly node: Pick<Node, 'limits' | 'turn' | 'counters'>;
  /** The reader is too slow: ends the connection. */
  onSlow(limit: LimitName): void;
}

/** Bytes that the socket is given ahead of what the network takes: what waits here can still change. */
const SOCKET_BYTES = 64 * 1024;
/** What replies leave free of the queue. */
const PUSH_SHARE = 1 / 4;
/** Lines of one turn that are worth sharing with others; more than these wait for themselves. */
const MAX_BATCH_BYTES = 16 * 1024;
const MAX_BATCH_LINES = 64;

/**
 * What waits to be sent to one client. Lines written in one turn of the event loop become one write,
 * whose bytes are shared with every session that writes the same. When the network takes less than
 * is written, lines wait: of those with the same conflation key only the newest; apart from that none
 * is ever dropped: when more waits than the limits allow, or for too long, the reader is slow, and that
 * ends the connection.
 */
export class Outbox implements Writer, SendProgress {
  readonly #owner: OutboxOwner;
  readonly #transport: Transport;
  /** What has been written in this turn, while nothing waits. */
  #batch: Batch | null = null;
  /** What is too much for a turn, or for the network. */
  #waiting: WaitingLines | null = null;
  #heldBytes = 0;
  #isScheduled = false;
  /** The socket has enough: the next frame follows when it has written this one. */
  #isBlocked = false;
  #isClosed = false;
  /** Who waits for the network to take what the socket has. */
  #onSettled: (() => void)[] = [];

  constructor(owner: OutboxOwner, transport: Transport) {
    this.#owner = owner;
    this.#transport = transport;
  }

  /** Bytes that one reply may have now: what is free, but for a quarter that is left to pushes. */
  get space(): number {
    const used = this.#queuedBytes + this.#heldBytes + this.#transport.bufferedBytes;
    return this.#owner.node.limits.maxQueuedBytes * (1 - PUSH_SHARE) - used;
  }

  /** Takes a line; it leaves at the end of the turn. */
  write(line: Line): void {
    if (this.#isClosed) return;
    if (this.#waiting || !this.#join(line)) this.#wait(line);
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    this.#owner.node.turn.add(this);
  }

  /**
   * Counts bytes that wait behind the gates of all subscriptions; a negative number gives them back.
   * They will be written here, and must fit.
   */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    const isOver = this.#heldBytes > this.#owner.node.limits.maxQueuedBytes;
    if (isOver && bytes > 0) this.#owner.onSlow('maxQueuedBytes');
  }

  /** Sends what was written, now, as far as the socket takes it. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    const batch = this.#batch;
    if (batch && this.#transport.bufferedBytes + batch.bytes <= SOCKET_BYTES) {
      this.#batch = null;
      this.#send(batch);
      return;
    }
    if (batch) this.#startWaiting();
    while (this.#waiting && !this.#isBlocked && !this.#isClosed) this.#sendWaiting(this.#waiting);
  }

  /** Forgets what waits of the content of such channels: its receiver may not have it any more. */
  purge(isMeant: (channel: string) => boolean): void {
    this.flush();
    this.#waiting?.purge(isMeant);
    if (this.#waiting?.length === 0) this.#waiting = null;
  }

  /**
   * Sends what it can, and resolves when the network has taken all that the socket was given up to
   * now, or there is nobody any more to take it.
   */
  async settled(): Promise<void> {
    if (!this.#isBlocked) this.flush();
    if (this.#isClosed || !this.#isBlocked) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled.push(resolve);
    await promise;
  }

  /** Sends all that waits, whatever the socket has: there will be no later. */
  flushAll(): void {
    const rest = this.#batch ?? this.#waiting?.take(Infinity);
    this.#forget();
    if (rest) this.#transport.send(rest);
  }

  /** Forgets what waits and takes nothing more. */
  discard(): void {
    this.#isClosed = true;
    this.#forget();
    this.#settle();
  }

  /** The socket has written what it had. */
  onWritten(): void {
    this.#isBlocked = false;
    this.#settle();
    this.flush();
  }

  get stallMs(): number {
    return this.#owner.node.limits.writeStallMs;
  }

  onStall(): void {
    this.#owner.onSlow('writeStallMs');
  }

  get #queuedBytes(): number {
    return this.#batch?.bytes ?? this.#waiting?.bytes ?? 0;
  }

  /** Puts a line into the turn's batch. `false`: it does not fit, or might have to give way. */
  #join(line: Line): boolean {
    if (line.conflationKey !== undefined || this.#isBlocked) return false;
    const { maxQueuedBytes, maxQueuedLines } = this.#owner.node.limits;
    const batch = this.#batch;
    const bytes = batch ? batch.bytes + line.bytes : line.bytes;
    if (bytes > Math.min(MAX_BATCH_BYTES, maxQueuedBytes)) return false;
    if (batch && batch.length >= Math.min(MAX_BATCH_LINES, maxQueuedLines)) return false;
    this.#batch = batch ? batch.and(line, this.#owner.node.turn.number) : Batch.of(line);
    return true;
  }

  /** Puts a line behind those that wait. */
  #wait(line: Line): void {
    const waiting = this.#waiting ?? this.#startWaiting();
    if (waiting.makeWay(line)) this.#owner.node.counters.count('conflated');
    const { maxQueuedBytes, maxQueuedLines } = this.#owner.node.limits;
    if (waiting.bytes + this.#transport.bufferedBytes + line.bytes > maxQueuedBytes) {
      this.#owner.onSlow('maxQueuedBytes');
    } else if (waiting.length >= maxQueuedLines) {
      this.#owner.onSlow('maxQueuedLines');
    } else {
      waiting.add(line);
    }
  }

  #startWaiting(): WaitingLines {
    const waiting = new WaitingLines();
    for (const line of this.#batch?.lines ?? []) waiting.add(line);
    this.#batch = null;
    this.#waiting = waiting;
    return waiting;
  }

  #sendWaiting(waiting: WaitingLines): void {
    const { bufferedBytes } = this.#transport;
    const batch = waiting.take(SOCKET_BYTES - bufferedBytes);
    if (waiting.length === 0) this.#waiting = null;
    if (!batch) return;
    if (waiting.length === 0 && bufferedBytes + batch.bytes <= SOCKET_BYTES) this.#send(batch);
    else this.#sendWatched(batch);
  }

  // Behind others that the socket still has, it is watched: when it has been written, so have they.
  #send(batch: Batch): void {
    if (this.#transport.bufferedBytes > 0) this.#sendWatched(batch);
    else this.#transport.send(batch);
  }

  #sendWatched(batch: Batch): void {
    this.#isBlocked = true;
    this.#transport.send(batch, this);
  }

  #settle(): void {
    const resolvers = this.#onSettled;
    this.#onSettled = [];
    for (const resolve of resolvers) resolve();
  }

  #forget(): void {
    this.#batch = null;
    this.#waiting = null;
  }
}
