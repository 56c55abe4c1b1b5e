import { randomFillSync } from 'node:crypto';

/** Unguessable bytes, drawn many at a time: each drawing costs more than what is made of it. */
const pool = Buffer.alloc(4096);
let used = pool.length;

/** An unguessable number from 0 to 255. */
export function randomByte(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += 1;
  return pool[used - 1] ?? 0;
}
