import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';

/** A part of a Redis that nobody else uses: the keys that begin with its prefix. */
export interface Keyspace {
  readonly url: string;
  readonly prefix: string;
}

/** Makes one on the server of this URL. */
export function makeKeyspace(url: string): Keyspace {
  return { url, prefix: `trunkline-${randomUUID()}` };
}

/** Removes its keys. */
export async function removeKeys({ url, prefix }: Keyspace): Promise<void> {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1000 })) {
      if (keys.length > 0) await redis.unlink(keys as string[]);
    }
  } finally {
    redis.disconnect();
  }
}
