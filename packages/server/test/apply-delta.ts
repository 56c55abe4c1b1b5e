import { applyDelta } from 'fossil-delta';

const utf8 = new TextEncoder();

/** What a client makes of a delta (protocol, section 15). Throws for one that is of another base. */
export function apply(base: string, delta: string): string {
  return new TextDecoder().decode(applyDelta(utf8.encode(base), utf8.encode(delta)));
}
