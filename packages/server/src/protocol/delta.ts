import { createDelta } from 'fossil-delta';
import type { Publication } from '../broker/broker.ts';

/** Larger payloads go in full: what a delta would save is not worth what it costs to find. */
export const MAX_DELTA_BYTES: number = 16 * 1024;

const encoder = new TextEncoder();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What turns one payload into the next: a delta in Fossil's format over the UTF-8 bytes of both. `null`
 * where the full text serves better: when the delta is no shorter, when it costs too much to find, or
 * when it is no text. A change inside a multi-byte character cuts the character, and a JSON string
 * cannot carry half of one (protocol, section 15, rule 4).
 */
export function deltaBetween(base: string, target: string): string | null {
  if (Math.max(base.length, target.length) > MAX_DELTA_BYTES) return null;
  const targetBytes = encoder.encode(target);
  const delta = Uint8Array.from(createDelta(encoder.encode(base), targetBytes));
  if (delta.length >= targetBytes.length) return null;
  try {
    return utf8.decode(delta);
  } catch {
    return null;
  }
}

interface Known {
  readonly base: string;
  readonly delta: string | null;
}

/** What has been found, as long as the publication is kept: live and recovered ones share it. */
const known = new WeakMap<Publication, Known>();

/** What turns a payload into a publication's, found once however many ask; `null`: send it in full. */
export function deltaFrom(base: string, publication: Publication): string | null {
  const earlier = known.get(publication);
  if (earlier?.base === base) return earlier.delta;
  const delta = deltaBetween(base, publication.data);
  known.set(publication, { base, delta });
  return delta;
}
