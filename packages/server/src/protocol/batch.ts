import type { Line } from './line.ts';

/** Between two lines of a frame: a newline. */
const SEPARATOR_BYTES = 1;

/**
 * The lines of one write, in order. Batches form a trie: every session that writes the same lines in
 * the same turn arrives at the same batch, whatever channels they came from, so that each distinct
 * sequence is encoded once and its bytes are shared. Immutable to whoever holds it.
 */
export class Batch {
  readonly line: Line;
  readonly before: Batch | null;
  /** How many lines. */
  readonly length: number;
  /** UTF-8 bytes as a frame's payload. */
  readonly bytes: number;
  /** The turn that the batches after this one belong to: in another one they are forgotten. */
  #turn = -1;
  /** What followed first: in most turns what follows for all. */
  #next: Batch | null = null;
  #others: Map<Line, Batch> | null = null;
  #frame: Buffer | null = null;
  #stream: Buffer | null = null;
  #events: Buffer | null = null;

  private constructor(line: Line, before: Batch | null) {
    this.line = line;
    this.before = before;
    this.length = before ? before.length + 1 : 1;
    this.bytes = before ? before.bytes + SEPARATOR_BYTES + line.bytes : line.bytes;
  }

  /** The batch of one line. */
  static of(line: Line): Batch {
    return (line.alone ??= new Batch(line, null));
  }

  /** A batch of lines, at least one, that nobody else will have. */
  static from([first, ...others]: readonly [Line, ...Line[]]): Batch {
    return others.reduce((batch, line) => new Batch(line, batch), Batch.of(first));
  }

  /** This batch and one line more. `turn` numbers the turn of the event loop that it is written in. */
  and(line: Line, turn: number): Batch {
    if (this.#turn !== turn) this.#forgetNext(turn);
    const next = (this.#next ??= new Batch(line, this));
    if (next.line === line) return next;
    this.#others ??= new Map();
    const other = this.#others.get(line) ?? new Batch(line, this);
    this.#others.set(line, other);
    return other;
  }

  /** The lines in the order of their writing. */
  get lines(): Line[] {
    const lines = [this.line];
    for (let { before } = this; before; before = before.before) lines.push(before.line);
    return lines.toReversed();
  }

  /** The payload of a frame: the lines joined by newlines (protocol, section 3). */
  get text(): string {
    return this.before ? this.lines.map(({ text }) => text).join('\n') : this.line.text;
  }

  /** A whole WebSocket text frame, header and payload in one buffer (RFC 6455, section 5.2). */
  get frame(): Buffer {
    return (this.#frame ??= encodeFrame(this.text, this.bytes));
  }

  /** As a part of an `http_stream` body: each line with its newline (protocol, section 2.2). */
  get stream(): Buffer {
    return (this.#stream ??= Buffer.from(`${this.text}\n`));
  }

  /** As server-sent events, one for each line (protocol, section 2.3). */
  get events(): Buffer {
    return (this.#events ??= Buffer.from(
      this.lines.map(({ text }) => `data: ${text}\n\n`).join(''),
    ));
  }

  #forgetNext(turn: number): void {
    this.#turn = turn;
    this.#next = null;
    this.#others = null;
  }
}

/** FIN and the opcode of a text frame. */
const FINAL_TEXT = 0x81;
const LENGTH_16_BITS = 126;
const LENGTH_64_BITS = 127;

function encodeFrame(text: string, bytes: number): Buffer {
  const headerBytes = bytes < LENGTH_16_BITS ? 2 : bytes < 2 ** 16 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + bytes);
  frame[0] = FINAL_TEXT;
  if (headerBytes === 2) {
    frame[1] = bytes;
  } else if (headerBytes === 4) {
    frame[1] = LENGTH_16_BITS;
    frame.writeUInt16BE(bytes, 2);
  } else {
    frame[1] = LENGTH_64_BITS;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(bytes, 6);
  }
  frame.write(text, headerBytes);
  return frame;
}
