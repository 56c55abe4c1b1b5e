import type { Socket } from 'node:net';
import { type Damage, damaged, type Shape } from './proxy-shape.ts';

/** Bytes that are on their way. */
interface Piece {
  readonly bytes: Buffer;
  /** When they may come, milliseconds. */
  readonly dueAt: number;
}

/** What a pipe needs to know. */
export interface PipeInit {
  readonly from: Socket;
  readonly to: Socket;
  readonly random: () => number;
  readonly onBytes: (count: number) => void;
  readonly onDamaged: () => void;
}

/** As much of it waits here; the rest waits where it comes from, as on a real line. */
const MAX_WAITING_BYTES = 64 * 1024;
/** A throttled line sends as often as this in a second. */
const SENDS_PER_SECOND = 20;

/** One direction of one connection: bytes go in, and come out as its shape says. */
export class Pipe {
  readonly #init: PipeInit;
  #shape: Shape = {};
  #damage: Damage | null = null;
  readonly #pieces: Piece[] = [];
  #waitingBytes = 0;
  #lastDueAt = 0;
  #sendableAt = 0;
  #hasEnded = false;
  #isOver = false;
  #isBlocked = false;
  #timer: NodeJS.Timeout | NodeJS.Immediate | null = null;

  constructor(init: PipeInit) {
    this.#init = init;
    const { from, to } = init;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    to.on('drain', () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  /** Does it let nothing through, and not the end either? */
  get isDark(): boolean {
    return this.#shape.isBlackhole === true;
  }

  set shape(shape: Shape) {
    this.#shape = shape;
    this.#sendableAt = 0;
    this.#cancel();
    this.#pump();
  }

  /** Does it to the next bytes that come out. */
  damageNext(damage: Damage): void {
    this.#damage = damage;
  }

  /** Says that no more will come, whatever still does. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#pieces.length = 0;
    this.#init.to.end();
    this.#init.from.resume();
  }

  /** Drops what waits. */
  destroy(): void {
    this.#isOver = true;
    this.#pieces.length = 0;
    this.#cancel();
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return;
    const { delayMs = 0, jitterMs = 0 } = this.#shape;
    const dueAt = performance.now() + delayMs + jitterMs * this.#init.random();
    this.#lastDueAt = Math.max(this.#lastDueAt, delayMs + jitterMs > 0 ? dueAt : 0);
    this.#pieces.push({ bytes, dueAt: this.#lastDueAt });
    this.#waitingBytes += bytes.length;
    this.#pump();
    if (this.#waitingBytes > this.#mostWaiting) this.#init.from.pause();
  }

  // What is delayed is on the line, and does not wait before it.
  get #mostWaiting(): number {
    const { delayMs = 0 } = this.#shape;
    return delayMs > 0 ? 16 * MAX_WAITING_BYTES : MAX_WAITING_BYTES;
  }

  #pump(): void {
    while (!this.#timer && !this.#isBlocked && !this.#isOver && !this.isDark) {
      const [piece] = this.#pieces;
      if (!piece) return this.#emptied();
      const waitMs = Math.max(piece.dueAt, this.#sendableAt) - performance.now();
      if (waitMs > 0) return this.#later(waitMs);
      this.#send(piece);
    }
  }

  #emptied(): void {
    if (!this.#hasEnded) return;
    this.#isOver = true;
    this.#init.to.end();
  }

  #send({ bytes, dueAt }: Piece): void {
    const size = Math.min(bytes.length, this.#sizeOfNext());
    if (size === bytes.length) this.#pieces.shift();
    else this.#pieces[0] = { bytes: bytes.subarray(size), dueAt };
    this.#waitingBytes -= size;
    this.#write(bytes.subarray(0, size));
    if (this.#waitingBytes < this.#mostWaiting / 2) this.#init.from.resume();
    const { bytesPerSecond, chopBytes } = this.#shape;
    if (bytesPerSecond) {
      this.#sendableAt = performance.now() + (1_000 * size) / bytesPerSecond;
    }
    if (chopBytes && !this.#isBlocked) this.#later(0);
  }

  #sizeOfNext(): number {
    const { bytesPerSecond = Infinity, chopBytes } = this.#shape;
    const most = Math.max(1, Math.floor(bytesPerSecond / SENDS_PER_SECOND));
    if (!chopBytes) return most;
    return Math.min(most, 1 + Math.floor(this.#init.random() * chopBytes));
  }

  #write(bytes: Buffer): void {
    const { to, random, onBytes, onDamaged } = this.#init;
    const out = this.#damage ? damaged(bytes, this.#damage, random) : bytes;
    if (this.#damage) onDamaged();
    this.#damage = null;
    onBytes(out.length);
    this.#isBlocked = !to.write(out);
  }

  #later(waitMs: number): void {
    const go = () => {
      this.#timer = null;
      this.#pump();
    };
    this.#timer = waitMs === 0 ? setImmediate(go) : setTimeout(go, waitMs);
  }

  #cancel(): void {
    if (this.#timer) {
      clearTimeout(this.#timer as NodeJS.Timeout);
      clearImmediate(this.#timer as NodeJS.Immediate);
    }
    this.#timer = null;
  }
}
