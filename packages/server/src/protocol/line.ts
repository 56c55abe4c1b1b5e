import type { Batch } from './batch.ts';

/** What a line is, besides its text. */
export interface LineTags {
  readonly conflationKey?: string | undefined;
  readonly channel?: string | undefined;
}

/** A line on its way out, with its size counted once for all its receivers. */
export class Line {
  readonly text: string;
  /** UTF-8 bytes. */
  readonly bytes: number;
  /** A line that still waits gives way to a newer one with the same key. */
  readonly conflationKey: string | undefined;
  /** The wire name of the channel whose content it carries: who loses that may not get it any more. */
  readonly channel: string | undefined;
  /** The batch of this line alone: whoever writes nothing else in a turn shares its bytes. */
  alone: Batch | null = null;

  constructor(text: string, { conflationKey, channel }: LineTags = {}) {
    this.text = text;
    this.bytes = Buffer.byteLength(text);
    this.conflationKey = conflationKey;
    this.channel = channel;
  }
}

/**
 * Throws a `TypeError` for what is no payload: lines are what a frame is made of, and one with more
 * than one would break its receivers, again on each recovery. Server-sent events end at a carriage
 * return, too.
 */
export function requireOneLine(data: string): void {
  if (data === '' || /[\r\n]/.test(data)) throw new TypeError('data must be JSON on one line');
}
