import type { RedisServer } from '../services/redis.ts';

/** The ids of all the lab's publications that a Redis has, whatever it is: nothing in it is changed. */
export async function idsIn(server: RedisServer): Promise<ReadonlySet<string>> {
  const keys = (await server.command('KEYS', '*:stream')) as string[];
  const streams = await Promise.all(keys.map((key) => server.command('XRANGE', key, '-', '+')));
  const entries = streams.flat() as readonly (readonly [string, readonly string[]])[];
  return new Set(entries.flatMap(([, [, item = '']]) => idOf(item)));
}

/** An item is a line about the publication, and its data. */
function idOf(item: string): string[] {
  const data = JSON.parse(item.slice(item.indexOf('\n') + 1)) as { readonly id?: unknown };
  return typeof data.id === 'string' ? [data.id] : [];
}
