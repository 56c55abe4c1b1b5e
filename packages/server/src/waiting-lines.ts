import { Batch } from './protocol/batch.ts';
import type { Line } from './protocol/line.ts';

/** Places of lines that gave way that are not worth looking for. */
const SPARE_PLACES = 64;
/** Around each line in a frame: its newline. */
const SEPARATOR_BYTES = 1;

/**
 * Lines that one client's socket has no room for yet. Of lines with the same conflation key only the
 * newest waits.
 */
export class WaitingLines {
  /** In the order of their writing; a line that gave way has left a `null`. */
  #lines: (Line | null)[] = [];
  /** Where in `#lines` a key's line waits. */
  #keys: Map<string, number> | null = null;
  #bytes = 0;
  #length = 0;

  /** Bytes of all that wait, with what is around them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many wait. */
  get length(): number {
    return this.#length;
  }

  /** Appends a line. */
  add(line: Line): void {
    if (line.conflationKey !== undefined) {
      this.#keys ??= new Map();
      this.#keys.set(line.conflationKey, this.#lines.length);
    }
    this.#lines.push(line);
    this.#bytes += line.bytes + SEPARATOR_BYTES;
    this.#length += 1;
  }

  /**
   * Removes the line that waits with the same key, if there is one: the newer one will be written at
   * the end, so that offsets ascend.
   */
  makeWay({ conflationKey }: Line): boolean {
    const at = conflationKey === undefined ? undefined : this.#keys?.get(conflationKey);
    const older = at === undefined ? null : this.#lines[at];
    if (at === undefined || !older) return false;
    this.#lines[at] = null;
    this.#bytes -= older.bytes + SEPARATOR_BYTES;
    this.#length -= 1;
    this.#compact();
    return true;
  }

  /** Takes lines of about that many bytes out, at least one; `null`: none wait. */
  take(maxBytes: number): Batch | null {
    const taken: Line[] = [];
    let bytes = 0;
    let places = 0;
    for (const line of this.#lines) {
      if (line && taken.length > 0 && bytes + line.bytes > maxBytes) break;
      places += 1;
      if (!line) continue;
      taken.push(line);
      bytes += line.bytes + SEPARATOR_BYTES;
    }
    this.#lines.splice(0, places);
    this.#bytes -= bytes;
    this.#length -= taken.length;
    if (this.#keys) this.#keys = indexKeys(this.#lines);
    const [first, ...others] = taken;
    return first ? Batch.from([first, ...others]) : null;
  }

  /** Takes out every line that carries such a channel's content. */
  purge(isMeant: (channel: string) => boolean): void {
    const stays = ({ channel }: Line) => channel === undefined || !isMeant(channel);
    const rest = this.#lines.filter((line) => line !== null && stays(line));
    this.#lines = rest;
    this.#keys = indexKeys(rest);
    this.#length = rest.length;
    this.#bytes = rest.reduce((sum, line) => sum + (line?.bytes ?? 0) + SEPARATOR_BYTES, 0);
  }

  /** Forgets the places of lines that gave way when they are most of all. */
  #compact(): void {
    if (this.#lines.length < 2 * this.#length + SPARE_PLACES) return;
    this.#lines = this.#lines.filter((line) => line !== null);
    this.#keys = indexKeys(this.#lines);
  }
}

function indexKeys(lines: readonly (Line | null)[]): Map<string, number> | null {
  const keys = new Map<string, number>();
  for (const [at, line] of lines.entries()) {
    if (line?.conflationKey !== undefined) keys.set(line.conflationKey, at);
  }
  return keys.size > 0 ? keys : null;
}
