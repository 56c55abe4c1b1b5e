import type { RedisAddress } from './redis-options.ts';
import type { RedisShard } from './redis-shard.ts';

/** Which Redis is responsible for what. */
export interface RedisTopology {
  readonly shards: readonly RedisShard[];
  /** Who is responsible for a channel, a user or a subject; `null`: nobody at present. */
  shardOf(channel: string): RedisShard | null;
  /** Connects, and resolves when all of them are up. */
  start(timeoutMs: number): Promise<void>;
  /** Somebody was told that he asked the wrong one. */
  refresh(): void;
  stop(): Promise<void>;
}

/** Makes a shard: at an address, or where the settings say. */
export type MakeShard = (address?: RedisAddress) => RedisShard;

/** One Redis that is responsible for all: alone, or found by way of Sentinel. */
export class SingleRedis implements RedisTopology {
  readonly shards: readonly RedisShard[];
  readonly #shard: RedisShard;

  constructor(makeShard: MakeShard) {
    this.#shard = makeShard();
    this.shards = [this.#shard];
  }

  shardOf(): RedisShard {
    return this.#shard;
  }

  async start(timeoutMs: number): Promise<void> {
    await this.#shard.start(timeoutMs);
  }

  refresh(): void {
    // There is nobody else.
  }

  async stop(): Promise<void> {
    await this.#shard.stop();
  }
}
