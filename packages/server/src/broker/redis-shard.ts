import { Redis } from 'ioredis';
import type { BrokerCounts } from './broker.ts';
import { isMove } from './redis-errors.ts';
import { type RedisArgument, type RedisCall, RedisLink } from './redis-link.ts';
import type { RedisAddress, RedisSettings } from './redis-options.ts';
import type { RedisScript } from './redis-scripts.ts';

/** Counters of a Redis engine. They only go up. */
export type RedisCounts = { -readonly [Name in keyof BrokerCounts]: number };

/** What a shard needs and whom it tells. */
export interface RedisShardOptions {
  readonly settings: RedisSettings;
  /** Where it is; `null`: where the settings say. */
  readonly address: RedisAddress | null;
  readonly scripts: readonly RedisScript[];
  readonly counts: RedisCounts;
  /** Subscribes to all that is wanted of it, on a new connection. */
  readonly resubscribe: (shard: RedisShard, call: RedisCall) => Promise<void>;
  readonly onMessage: (name: string, text: string) => void;
  /** Its announcements can be subscribed to again, one by one. */
  readonly onUp: () => void;
  /** It announces nothing any more. */
  readonly onSilent: (shard: RedisShard) => void;
  /** It may not be responsible any more. */
  readonly onMoved: () => void;
  /** It announces something no more, for which it is not responsible any more. */
  readonly onDoubt: (shard: RedisShard) => void;
}

/** What was asked together is answered together before the connection is cut. */
const CUT_AFTER_MS = 100;

/**
 * One Redis that takes writes, over two connections: one for commands, and one for what it announces. A
 * Redis Cluster has several.
 */
export class RedisShard {
  readonly commands: RedisLink;
  readonly announcements: RedisLink;
  readonly #options: RedisShardOptions;
  /** When the scripts were loaded last, because they had been flushed. */
  #loadedAt = 0;
  #cut: NodeJS.Timeout | undefined;

  constructor(options: RedisShardOptions) {
    this.#options = options;
    this.commands = this.#link('commands', (call) => this.#load(call));
    this.announcements = this.#link('announcements', (call) => options.resubscribe(this, call));
    const { redis } = this.announcements;
    const onMessage = (name: string, text: string) => options.onMessage(name, text);
    redis
      .on('message', onMessage)
      .on('smessage', onMessage)
      .on('moved', () => {
        options.onDoubt(this);
        options.onMoved();
      });
  }

  get address(): RedisAddress | null {
    return this.#options.address;
  }

  get isUp(): boolean {
    return this.commands.isUp && this.announcements.isUp;
  }

  async start(timeoutMs: number): Promise<void> {
    await Promise.all([this.commands.start(timeoutMs), this.announcements.start(timeoutMs)]);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#cut);
    await Promise.all([this.commands.stop(), this.announcements.stop()]);
  }

  /** Runs a script; rejects as a link's call does. */
  run(
    { sha }: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<unknown> {
    return this.commands.call('evalsha', [sha, keys.length, ...keys, ...args]);
  }

  /** Cuts both connections: who was the primary is no more, and new ones may lead to the one that is. */
  cutSoon(): void {
    this.#cut ??= setTimeout(() => {
      this.#cut = undefined;
      this.commands.cut();
      this.announcements.cut();
    }, CUT_AFTER_MS);
  }

  #link(name: string, prepare: (call: RedisCall) => Promise<void>): RedisLink {
    const { settings, address, counts, onUp, onSilent, onMoved } = this.#options;
    const { log, maxInFlight, maxInFlightBytes, commandTimeoutMs } = settings;
    const own = name === 'announcements' ? settings.subscriber : settings.redis;
    const at = address && { redis: `${address.host}:${address.port}` };
    return new RedisLink({
      name,
      connect: (retryStrategy) => new Redis({ ...own, ...address, retryStrategy }),
      prepare,
      limits: {
        maxCommands: maxInFlight,
        maxBytes: maxInFlightBytes,
        timeoutMs: commandTimeoutMs,
      },
      listener: {
        onUp: (isAgain) => {
          if (isAgain) log.info('redis_connected_again', { connection: name, ...at });
          if (name === 'announcements') onUp();
        },
        onDown: (error) => {
          counts.connectionsLost += 1;
          log.warn('redis_connection_lost', { connection: name, ...at, error: error.message });
          if (name === 'announcements') onSilent(this);
          onMoved();
        },
        onLate: () => {
          counts.lateAnswers += 1;
        },
        onRefused: (code, askedAt) => this.#refused(code, askedAt),
      },
    });
  }

  async #load(call: RedisCall): Promise<void> {
    const { scripts } = this.#options;
    await Promise.all(scripts.map(({ text }) => call('script', ['LOAD', text])));
  }

  #refused(code: string, askedAt: number): void {
    this.#options.counts.refusals += 1;
    if (code === 'NOSCRIPT') this.#loadAgain(askedAt);
    else if (code === 'READONLY') this.cutSoon();
    else if (isMove(code)) this.#options.onMoved();
  }

  // Whatever is asked after it will find them: on one connection all goes in its order.
  #loadAgain(missedAt: number): void {
    if (missedAt <= this.#loadedAt) return;
    this.#loadedAt = performance.now();
    this.#options.settings.log.warn('redis_scripts_loaded_again');
    // Should it fail, then the next command says so again.
    this.#load(this.commands.call).catch(() => {});
  }
}
