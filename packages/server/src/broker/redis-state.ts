import type { ClientInfo } from './broker.ts';
import type { RedisKeys } from './redis-keys.ts';
import { decodeInfo } from './redis-message.ts';
import { wholeMs } from './redis-options.ts';
import type { RedisShard } from './redis-shard.ts';
import { stateScripts } from './redis-state-scripts.ts';

/** What the state works with. */
export interface RedisStateOptions {
  readonly keys: RedisKeys;
  /** Who is responsible; throws `BrokerUnavailableError` when nobody is. */
  readonly shardOf: (key: string) => RedisShard;
  /** Something in Redis is none of ours. */
  readonly onMalformed: (key: string) => void;
}

/** What Redis keeps of channels and users, besides streams: who is present, who was put where, what was revoked. */
export class RedisState {
  readonly #options: RedisStateOptions;

  constructor(options: RedisStateOptions) {
    this.#options = options;
  }

  /** As `Broker.addPresence`. */
  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    const args = [info.client, JSON.stringify(info), wholeMs(ttlMs)];
    const shard = this.#options.shardOf(channel);
    await shard.run(stateScripts.addPresence, this.#presenceKeys(channel), args);
  }

  /** As `Broker.removePresence`. */
  async removePresence(channel: string, clientId: string): Promise<void> {
    const shard = this.#options.shardOf(channel);
    await shard.run(stateScripts.removePresence, this.#presenceKeys(channel), [clientId]);
  }

  /** As `Broker.presence`. */
  async presence(channel: string): Promise<readonly ClientInfo[]> {
    const shard = this.#options.shardOf(channel);
    const found = await shard.run(stateScripts.presence, this.#presenceKeys(channel), []);
    const present = (found as string[]).flatMap((text) => {
      const [head = '', cameUs] = /^(\d+):/.exec(text) ?? [];
      const info = decodeInfo(text.slice(head.length));
      if (info && cameUs !== undefined) return [{ info, cameUs: Number(cameUs) }];
      this.#options.onMalformed(channel);
      return [];
    });
    return present.toSorted((a, b) => a.cameUs - b.cameUs).map(({ info }) => info);
  }

  /** As `Broker.addJoin`. */
  async addJoin(user: string, room: string): Promise<void> {
    const { keys, shardOf } = this.#options;
    await shardOf(user).run(stateScripts.addJoin, [keys.joins(user)], [room]);
  }

  /** As `Broker.removeJoin`. */
  async removeJoin(user: string, room: string): Promise<void> {
    const { keys, shardOf } = this.#options;
    await shardOf(user).commands.call('zrem', [keys.joins(user), room]);
  }

  /** As `Broker.joins`. */
  async joins(user: string): Promise<readonly string[]> {
    const { keys, shardOf } = this.#options;
    const rooms = await shardOf(user).commands.call('zrange', [keys.joins(user), 0, -1]);
    return rooms as string[];
  }

  /** As `Broker.revoke`. */
  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    const { keys, shardOf } = this.#options;
    const args = [at, wholeMs(ttlMs)];
    await shardOf(subject).run(stateScripts.revoke, [keys.revoked(subject)], args);
  }

  /** As `Broker.revokedAt`. */
  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    const { keys, shardOf } = this.#options;
    const found = await Promise.all(
      subjects.map((subject) => shardOf(subject).commands.call('get', [keys.revoked(subject)])),
    );
    const moments = found.filter((moment) => moment !== null).map(Number);
    return moments.length === 0 ? null : Math.max(...moments);
  }

  #presenceKeys(channel: string): string[] {
    const { keys } = this.#options;
    return [keys.present(channel), keys.presentUntil(channel)];
  }
}
