/** What a proxy does to the bytes of one direction; nothing of it: it passes them on as they come. */
export interface Shape {
  /** Each byte comes so many milliseconds later, and up to `jitterMs` more, in order. */
  readonly delayMs?: number;
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** They come in pieces of 1 to so many bytes, each in a packet of its own. */
  readonly chopBytes?: number;
  /** Nothing comes, not even an end, and nothing is said of it: what is sent waits until it is over. */
  readonly isBlackhole?: boolean;
}

/** Client to server, server to client. */
export type Direction = 'c2s' | 's2c';

/** One direction or both. */
export type Directions = Direction | 'both';

/** What is done once to the next bytes of a connection. */
export interface Damage {
  /** `dup`: the last so many bytes come twice. `flip`: so many bits, at random, are the other way round. */
  readonly kind: 'dup' | 'flip';
  readonly amount: number;
}

/** Both directions, or the one. */
export function directionsOf(directions: Directions): readonly Direction[] {
  return directions === 'both' ? ['c2s', 's2c'] : [directions];
}

/** The bytes with that damage. */
export function damaged(bytes: Buffer, { kind, amount }: Damage, random: () => number): Buffer {
  if (kind === 'dup')
    return Buffer.concat([bytes, bytes.subarray(Math.max(0, bytes.length - amount))]);
  const flipped = Buffer.from(bytes);
  for (let flips = 0; flips < amount; flips += 1) {
    const at = Math.floor(random() * flipped.length);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return flipped;
}
