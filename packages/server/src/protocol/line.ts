/** A line on its way out, with its size counted once for all its receivers. */
export interface Line {
  readonly text: string;
  /** UTF-8 bytes. */
  readonly bytes: number;
  /** A line that still waits gives way to a newer one with the same key. */
  readonly conflationKey?: string;
}

/** Makes a line from its text. */
export function toLine(text: string): Line {
  return { text, bytes: Buffer.byteLength(text) };
}
