import { randomFillSync } from 'node:crypto';
import { ulid } from 'ulid';

/** Random bytes, drawn many at a time: drawing costs more than all the rest of an id. */
const pool = Buffer.alloc(4096);
let used = pool.length;

/** The id of one event: a ULID, so that ids of later milliseconds sort behind earlier ones. */
export function newEventId(): string {
  return ulid(Date.now(), random);
}

/** A number in [0, 1), of which `ulid` uses five bits. */
function random(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const byte = pool[used] ?? 0;
  used += 1;
  return byte / 256;
}
