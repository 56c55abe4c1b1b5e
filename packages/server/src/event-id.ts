import { ulid } from 'ulid';
import { randomByte } from './random.ts';

/** The id of one event: a ULID, so that ids of later milliseconds sort behind earlier ones. */
export function newEventId(): string {
  return ulid(Date.now(), () => randomByte() / 256);
}
