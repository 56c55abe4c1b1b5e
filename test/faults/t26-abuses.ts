import type { Redis } from 'ioredis';

/** What is to become of a publish meanwhile. */
type Fate = 'accepted' | 'rejected';

/** What somebody does to a Redis that is not theirs alone. */
export interface Abuse {
  readonly name: string;
  /** What is to become of a publish to a room that it concerns. */
  readonly fate: Fate;
  /** Are clients to be told of a gap? `null`: those who were away may be. */
  readonly hasGaps: boolean | null;
  /** Does it, and gives how often it has happened. */
  harm(scene: AbuseScene): Promise<number>;
  /** Ends it. Default: it is over at once. */
  heal?(scene: AbuseScene): Promise<void>;
}

/** What an abuse works with. */
export interface AbuseScene {
  /** A connection that may do everything, whatever becomes of the nodes'. */
  readonly redis: Redis;
  /** Publishes so many bytes to each room, all at once. */
  readonly flood: (bytes: number) => Promise<void>;
  /** Makes the Redis the primary of another one. */
  readonly replicate: () => Promise<void>;
  /** Of what has the wrong type. */
  readonly largeBytes: number;
}

const KIB = 1024;

/** All of them, the victims of those that concern only some rooms being `room:0` of each tenant. */
export const abuses: readonly Abuse[] = [
  {
    name: '`FLUSHALL`',
    fate: 'accepted',
    hasGaps: true,
    harm: async ({ redis }) => {
      const keys = await redis.dbsize();
      await redis.flushall();
      return keys;
    },
  },
  {
    name: '`DEL` of what says where streams stand',
    fate: 'accepted',
    hasGaps: true,
    harm: async ({ redis }) => await redis.del(await redis.keys('*:meta')),
  },
  {
    name: '`DEL` of the streams alone',
    fate: 'accepted',
    hasGaps: null,
    harm: async ({ redis }) => await redis.del(await redis.keys('*:stream')),
  },
  {
    name: '`maxmemory` reached, `allkeys-lru`',
    fate: 'accepted',
    hasGaps: null,
    harm: async ({ redis, flood }) => {
      await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await redis.config('SET', 'maxmemory', (await statOf(redis, 'used_memory')) + 500 * KIB);
      await flood(20_000);
      return await statOf(redis, 'evicted_keys');
    },
    heal: noLimit,
  },
  {
    name: '`maxmemory` reached, `noeviction`',
    fate: 'rejected',
    hasGaps: false,
    harm: async ({ redis }) => {
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
      await redis.config('SET', 'maxmemory', 500 * KIB);
      return await redis.set('lab-probe', '').then(
        () => 0,
        () => 1,
      );
    },
    heal: noLimit,
  },
  {
    name: '`min-replicas-to-write 1` without a replica',
    fate: 'rejected',
    hasGaps: false,
    harm: async ({ redis }) => {
      await redis.config('SET', 'min-replicas-to-write', 1);
      return 1;
    },
    heal: async ({ redis }) => void (await redis.config('SET', 'min-replicas-to-write', 0)),
  },
  {
    name: '`SCRIPT FLUSH`',
    fate: 'accepted',
    hasGaps: false,
    harm: async ({ redis }) => {
      const scripts = await statOf(redis, 'number_of_cached_scripts');
      await redis.script('FLUSH');
      return scripts;
    },
  },
  {
    name: 'the ACL forbids `INFO`',
    fate: 'rejected',
    hasGaps: false,
    harm: async ({ redis }) => await forbid(redis, 'info'),
    heal: async ({ redis }) => void (await redis.acl('SETUSER', 'default', '+info')),
  },
  {
    name: 'the ACL forbids `PUBLISH`',
    fate: 'accepted',
    hasGaps: false,
    harm: async ({ redis }) => await forbid(redis, 'publish'),
    heal: async ({ redis }) => void (await redis.acl('SETUSER', 'default', '+publish')),
  },
  {
    name: 'a large string where it says where a stream stands',
    fate: 'rejected',
    hasGaps: null,
    harm: async (scene) => await fill(scene, '*room:0}:meta'),
    heal: async ({ redis }) => void (await redis.del(await redis.keys('*room:0}:meta'))),
  },
  {
    name: 'a large string in the place of a stream',
    fate: 'rejected',
    hasGaps: null,
    harm: async (scene) => await fill(scene, '*room:0}:stream'),
    heal: async ({ redis }) => void (await redis.del(await redis.keys('*room:0}:stream'))),
  },
  {
    name: 'it gets its first replica',
    fate: 'accepted',
    hasGaps: true,
    harm: async ({ replicate }) => {
      await replicate();
      return 1;
    },
  },
];

async function statOf(redis: Redis, name: string): Promise<number> {
  const info = await redis.info('everything');
  return Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1] ?? 0);
}

async function noLimit({ redis }: AbuseScene): Promise<void> {
  await redis.config('SET', 'maxmemory', 0);
}

/** The nodes' user and every other connection's: what is connected already feels it, too. */
async function forbid(redis: Redis, command: string): Promise<number> {
  await redis.acl('SETUSER', 'default', `-${command}`);
  return 1;
}

async function fill({ redis, largeBytes }: AbuseScene, pattern: string): Promise<number> {
  const keys = await redis.keys(pattern);
  await redis.del(keys);
  await Promise.all(keys.map((key) => redis.setrange(key, largeBytes - 1, '.')));
  return keys.length;
}
