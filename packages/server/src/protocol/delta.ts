import { createDelta } from 'fossil-delta';

/** UTF-8 bytes; larger payloads go in full: what a delta of them costs to find can be tens of milliseconds. */
export const MAX_DELTA_BYTES: number = 16 * 1024;

/** What a delta has in its publication beside its text, and the escape of its one newline. */
const MARK_BYTES = ',"delta":true'.length + '\\'.length;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What turns one payload into the next: a delta in Fossil's format over the UTF-8 bytes of both. `null`
 * where the full text serves better: when the delta and its mark are no shorter, when it costs too much to
 * find, or when it is no text. A change inside a multi-byte character cuts the character, and a JSON string
 * cannot carry half of one (protocol, section 15, rule 4).
 */
export function deltaBetween(base: string, target: string): string | null {
  const sizes = [Buffer.byteLength(base), Buffer.byteLength(target)];
  if (Math.max(...sizes) > MAX_DELTA_BYTES) return null;
  const targetBytes = encoder.encode(target);
  const delta = Uint8Array.from(createDelta(encoder.encode(base), targetBytes));
  if (delta.length + MARK_BYTES >= targetBytes.length) return null;
  try {
    return utf8.decode(delta);
  } catch {
    return null;
  }
}
