import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { type Core, pinning } from '../test/lab/child.ts';
import { type RedisServer, startRedis } from '../test/services/redis.ts';

/** What a Redis has done so far. */
export interface RedisClock {
  readonly cpuMs: number;
  /** Calls by command; those that scripts make are among them. */
  readonly commands: ReadonlyMap<string, number>;
  /** Bytes that have come from its clients, and gone to them. */
  readonly inBytes: number;
  readonly outBytes: number;
  /** Channels of pub/sub that somebody listens to. */
  readonly channels: number;
}

/** What a Redis has done between two moments. */
export interface RedisUsed {
  readonly cpuMs: number;
  readonly commands: ReadonlyMap<string, number>;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** How the reading itself is asked for: since Redis 7 in one go. */
const READING = ['INFO', 'stats', 'cpu', 'commandstats'] as const;
/** `*4`, and each word behind its length. */
const READING_BYTES = 4 + READING.reduce((sum, word) => sum + word.length + 8, 0);
/** What nobody but the benchmark asks. */
const OWN_COMMANDS = new Set(['info']);

/** A Redis of a stage's own, which keeps nothing on disk. */
export class StageRedis {
  readonly url: string;
  readonly #server: RedisServer;
  readonly #client: Redis;
  /** Of the readings themselves: they are nobody's traffic. */
  #readBytes = 0;
  #readings = 0;

  private constructor(server: RedisServer) {
    this.#server = server;
    this.url = server.url;
    this.#client = new Redis(server.url);
  }

  static async start(core: Core): Promise<StageRedis> {
    const server = await startRedis();
    if ('missing' in server) throw new Error(server.missing);
    const redis = new StageRedis(server);
    await redis.#pin(core);
    return redis;
  }

  async clock(): Promise<RedisClock> {
    const { stats, readBytes, readings } = await this.#read();
    const seconds = Number(stats.get('used_cpu_user')) + Number(stats.get('used_cpu_sys'));
    return {
      cpuMs: seconds * 1_000,
      commands: callsIn(stats),
      inBytes: Number(stats.get('total_net_input_bytes')) - readings * READING_BYTES,
      outBytes: Number(stats.get('total_net_output_bytes')) - readBytes,
      channels:
        Number(stats.get('pubsub_channels')) + Number(stats.get('pubsubshard_channels') ?? 0),
    };
  }

  async stop(): Promise<void> {
    this.#client.disconnect();
    await this.#server.stop();
  }

  async #read() {
    const readBytes = this.#readBytes;
    this.#readings += 1;
    const readings = this.#readings;
    const text = (await this.#client.call(...READING)) as string;
    this.#readBytes += Buffer.byteLength(text);
    return { stats: fieldsOf(text), readBytes, readings };
  }

  async #pin(core: Core): Promise<void> {
    const [command, ...args] = pinning(core);
    if (command === undefined) return;
    const pid = fieldsOf(await this.#client.info('server')).get('process_id') ?? '';
    spawnSync(command, ['-a', '-p', ...args, pid]);
  }
}

/** What it has done since. */
export function redisUsed(before: RedisClock, now: RedisClock): RedisUsed {
  const calls = [...now.commands].map(
    ([name, count]) => [name, count - (before.commands.get(name) ?? 0)] as const,
  );
  return {
    cpuMs: now.cpuMs - before.cpuMs,
    commands: new Map(calls.filter(([, count]) => count > 0)),
    // What the readings take is known to a few bytes only.
    inBytes: Math.max(0, now.inBytes - before.inBytes),
    outBytes: Math.max(0, now.outBytes - before.outBytes),
  };
}

/** `cmdstat_evalsha:calls=12,usec=…` */
function callsIn(stats: ReadonlyMap<string, string>): Map<string, number> {
  const calls = new Map<string, number>();
  for (const [field, value] of stats) {
    const [, name] = /^cmdstat_(.+)$/.exec(field) ?? [];
    const [, count] = /^calls=(\d+)/.exec(value) ?? [];
    if (name && !OWN_COMMANDS.has(name)) calls.set(name, Number(count));
  }
  return calls;
}

function fieldsOf(info: string): Map<string, string> {
  const lines = info.split('\r\n').filter((line) => line.includes(':'));
  return new Map(lines.map((line) => [line.split(':', 1)[0] ?? '', line.replace(/^[^:]*:/, '')]));
}
