/** A line on its way out, with its size counted once for all its receivers. */
export interface Line {
  readonly text: string;
  /** UTF-8 bytes. */
  readonly bytes: number;
  /** A line that still waits gives way to a newer one with the same key. */
  readonly conflationKey?: string;
}

/**
 * Throws a `TypeError` for what is no payload: lines are what a frame is made of, and one with more
 * than one would break its receivers, again on each recovery.
 */
export function requireOneLine(data: string): void {
  if (data === '' || data.includes('\n')) throw new TypeError('data must be JSON on one line');
}

/** Makes a line from its text. */
export function toLine(text: string): Line {
  return { text, bytes: Buffer.byteLength(text) };
}
