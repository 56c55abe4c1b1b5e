import { AsyncResource } from 'node:async_hooks';
import { Patience } from '../patience.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { BrokerUnavailableError } from './broker.ts';
import { push } from './redis-batches.ts';
import { isMove, NoAnswerError, refusalOf } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisCall } from './redis-link.ts';
import type { RedisShard } from './redis-shard.ts';
import { type Named, SubscribeCommands } from './redis-subscribe-commands.ts';

/** What the subscriptions work with. */
export interface RedisSubscriptionsOptions {
  readonly keys: RedisKeys;
  readonly isSharded: boolean;
  readonly timeoutMs: number;
  /** Who announces a channel; `null`: nobody at present. */
  readonly shardOf: (channel: string) => RedisShard | null;
  readonly onMessage: (channel: string, text: string) => void;
  /** Something was announced that nobody has heard. */
  readonly onResumed: () => void;
}

/** A channel that the node wants to be announced. */
interface Wanted extends Named {
  readonly channel: string;
  /** Who announces it; `null`: nobody at present. */
  shard: RedisShard | null;
  /** Who was asked to, and may do so still. */
  asked: RedisShard | null;
  /** Has a `subscribe` been told that it is announced? */
  isPromised: boolean;
  readonly waiting: Set<PromiseWithResolvers<void>>;
}

/** What was refused for the moment is asked again so much later. */
const RETRY_MS = 50;
/** A shard is asked again for everything at most as often. */
const DOUBT_MS = 1_000;

/**
 * Keeps Redis' subscriptions in step with what the node wants: all changes of one turn in as few commands
 * as possible, and everything anew on a new connection.
 */
export class RedisSubscriptions {
  readonly #options: RedisSubscriptionsOptions;
  readonly #wanted = new Map<string, Wanted>();
  /** Channels, by name, that nobody has been asked for yet. */
  readonly #changed = new Map<string, string>();
  /** Names that a shard, which may have been asked for them, is to announce no more. */
  readonly #leaving = new Map<RedisShard, Set<string>>();
  /** Those that are being told: what changes meanwhile must not overtake it. */
  readonly #telling = new Set<RedisShard>();
  /** Those that may have stopped to announce something, and when they may be asked again. */
  readonly #doubted = new Map<RedisShard, number>();
  readonly #checkedAt = new WeakMap<RedisShard, number>();
  readonly #patience: Patience;
  readonly #commands: SubscribeCommands;
  readonly #onTurn: () => void;
  #isScheduled = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: RedisSubscriptionsOptions) {
    const { timeoutMs } = options;
    this.#options = options;
    this.#commands = new SubscribeCommands(options.isSharded);
    this.#patience = new Patience({
      wheel: new TimerWheel(),
      timeoutMs,
      onLate: () =>
        new BrokerUnavailableError(
          `Redis could not be subscribed to in ${timeoutMs} ms: it is not connected or too slow`,
        ),
    });
    this.#onTurn = AsyncResource.bind(() => this.#tell());
  }

  get size(): number {
    return this.#wanted.size;
  }

  async subscribe(channel: string): Promise<void> {
    const wanted = this.#want(channel);
    if (wanted.shard) return;
    const waiter = Promise.withResolvers<void>();
    wanted.waiting.add(waiter);
    this.#change(wanted);
    try {
      await this.#patience.wait(waiter.promise);
    } finally {
      wanted.waiting.delete(waiter);
      this.#forgetUnwanted(wanted);
    }
  }

  unsubscribe(channel: string): void {
    const name = this.#options.keys.announcements(channel);
    const wanted = this.#wanted.get(name);
    if (!wanted) return;
    this.#leave(wanted);
    for (const { resolve } of wanted.waiting) resolve();
  }

  /** Everything that is wanted of a shard, on a new connection of its. */
  async resubscribe(shard: RedisShard, call: RedisCall): Promise<void> {
    const mine = [...this.#wanted.values()].filter(({ channel }) => this.#isOf(channel, shard));
    for (const wanted of mine) {
      this.#changed.delete(wanted.name);
      wanted.asked = shard;
    }
    await this.#commands.send('subscribe', mine, call, (_batch, error) => {
      if (error !== null) throw error;
    });
    this.#announced(mine, shard);
  }

  /** A shard does not announce any more. */
  lose(shard: RedisShard): void {
    for (const wanted of this.#wanted.values()) if (wanted.shard === shard) wanted.shard = null;
    this.#leaving.delete(shard);
  }

  /** It may have stopped to announce something, and does not say what: asked again with the next `align`. */
  doubt(shard: RedisShard): void {
    if (this.#doubted.has(shard)) return;
    this.#doubted.set(shard, (this.#checkedAt.get(shard) ?? -Infinity) + DOUBT_MS);
  }

  /** Other shards may be responsible now, or one can be told again. */
  align(): void {
    const doubted = this.#takeDoubted();
    for (const wanted of this.#wanted.values()) {
      const shard = this.#options.shardOf(wanted.channel);
      if (wanted.asked && wanted.asked !== shard) this.#unask(wanted);
      if (wanted.shard === shard && !(shard && doubted.has(shard))) continue;
      wanted.shard = null;
      this.#change(wanted);
    }
    if (this.#changed.size > 0 || this.#leaving.size > 0) this.#schedule();
  }

  /** What came on a channel of pub/sub. */
  receive(name: string, text: string): void {
    const wanted = this.#wanted.get(name);
    if (wanted) this.#options.onMessage(wanted.channel, text);
  }

  stop(): void {
    for (const { waiting } of this.#wanted.values()) {
      for (const { reject } of waiting) {
        reject(new BrokerUnavailableError('The broker is stopped'));
      }
    }
    clearTimeout(this.#retry);
    this.#wanted.clear();
    this.#changed.clear();
    this.#leaving.clear();
  }

  #want(channel: string): Wanted {
    const name = this.#options.keys.announcements(channel);
    const known = this.#wanted.get(name);
    if (known) return known;
    const wanted: Wanted = {
      channel,
      name,
      shard: null,
      asked: null,
      isPromised: false,
      waiting: new Set(),
    };
    this.#wanted.set(name, wanted);
    return wanted;
  }

  // Nobody was promised it, and nobody waits for it any more.
  #forgetUnwanted(wanted: Wanted): void {
    if (wanted.isPromised || wanted.waiting.size > 0) return;
    if (this.#wanted.get(wanted.name) === wanted) this.#leave(wanted);
  }

  #leave(wanted: Wanted): void {
    this.#wanted.delete(wanted.name);
    this.#changed.delete(wanted.name);
    this.#unask(wanted);
  }

  // Whoever was asked is told, and not who is responsible by now.
  #unask(wanted: Wanted): void {
    const { asked, name } = wanted;
    wanted.asked = null;
    if (!asked) return;
    const leaving = this.#leaving.get(asked);
    if (leaving) leaving.add(name);
    else this.#leaving.set(asked, new Set([name]));
    this.#schedule();
  }

  #takeDoubted(): Set<RedisShard> {
    const now = performance.now();
    // One that is being told would seem to announce what it was asked for before.
    const taken = [...this.#doubted].filter(
      ([shard, notBefore]) => now >= notBefore && !this.#telling.has(shard),
    );
    for (const [shard] of taken) {
      this.#doubted.delete(shard);
      this.#checkedAt.set(shard, now);
    }
    return new Set(taken.map(([shard]) => shard));
  }

  #change({ name, channel }: Wanted): void {
    this.#changed.set(name, channel);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#onTurn);
  }

  #scheduleRetry(): void {
    this.#retry ??= setTimeout(this.#onTurn, RETRY_MS);
  }

  #tell(): void {
    this.#isScheduled = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const wanted = this.#takeChanged();
    const shards = new Set([...wanted.keys(), ...this.#leaving.keys()]);
    for (const shard of shards) {
      if (this.#mustWait(shard)) continue;
      const unwanted = this.#takeLeaving(shard, wanted.get(shard) ?? []);
      if (shard.announcements.isUp) void this.#tellShard(shard, wanted.get(shard) ?? [], unwanted);
    }
  }

  /** Is it being told the rest right now? It is told when that is done. */
  #mustWait(shard: RedisShard): boolean {
    return shard.announcements.isPreparing || this.#telling.has(shard);
  }

  #takeChanged(): Map<RedisShard, Wanted[]> {
    const taken = new Map<RedisShard, Wanted[]>();
    for (const [name, channel] of this.#changed) {
      const shard = this.#options.shardOf(channel);
      if (shard && this.#mustWait(shard)) continue;
      this.#changed.delete(name);
      const entry = this.#wanted.get(name);
      // One that is not connected is told everything when it is.
      if (shard?.announcements.isUp && entry && entry.shard !== shard) push(taken, shard, entry);
    }
    return taken;
  }

  /** What a shard is to announce no more, but for what it is wanted for again. */
  #takeLeaving(shard: RedisShard, wanted: readonly Wanted[]): readonly Named[] {
    const leaving = this.#leaving.get(shard) ?? new Set<string>();
    this.#leaving.delete(shard);
    for (const { name } of wanted) leaving.delete(name);
    return [...leaving]
      .filter((name) => this.#wanted.get(name)?.asked !== shard)
      .map((name) => ({ name }));
  }

  async #tellShard(
    shard: RedisShard,
    wanted: readonly Wanted[],
    unwanted: readonly Named[],
  ): Promise<void> {
    this.#telling.add(shard);
    for (const entry of wanted) entry.asked = shard;
    await Promise.all([this.#subscribe(shard, wanted), this.#unsubscribe(shard, unwanted)]);
    this.#telling.delete(shard);
    if (this.#retry) return;
    if (this.#changed.size > 0 || this.#leaving.size > 0) this.#schedule();
  }

  async #subscribe(shard: RedisShard, entries: readonly Wanted[]): Promise<void> {
    await this.#commands.send('subscribe', entries, shard.announcements.call, (batch, error) => {
      if (error === null) {
        if (shard.announcements.isUp) this.#announced(batch, shard);
      } else if (isPassing(error)) this.#askAgain(batch);
      else for (const { waiting } of batch) for (const { reject } of waiting) reject(error);
    });
  }

  async #unsubscribe(shard: RedisShard, entries: readonly Named[]): Promise<void> {
    await this.#commands.send('unsubscribe', entries, shard.announcements.call, (batch, error) => {
      if (error === null || !isPassing(error) || !shard.announcements.isUp) return;
      const leaving = this.#leaving.get(shard) ?? new Set<string>();
      for (const { name } of batch) leaving.add(name);
      this.#leaving.set(shard, leaving);
      this.#scheduleRetry();
    });
  }

  #askAgain(entries: readonly Wanted[]): void {
    for (const entry of entries) {
      if (this.#wanted.get(entry.name) === entry) this.#changed.set(entry.name, entry.channel);
    }
    this.#scheduleRetry();
  }

  #announced(entries: readonly Wanted[], shard: RedisShard): void {
    let isResumed = false;
    for (const wanted of entries) {
      if (this.#wanted.get(wanted.name) !== wanted) continue;
      isResumed ||= wanted.isPromised;
      wanted.shard = shard;
      wanted.isPromised = true;
      for (const { resolve } of wanted.waiting) resolve();
    }
    if (isResumed) this.#options.onResumed();
  }

  #isOf(channel: string, shard: RedisShard): boolean {
    return this.#options.shardOf(channel) === shard;
  }
}

/** Does it pass with the next connection, or with a look at who is responsible? */
function isPassing(error: unknown): boolean {
  if (error instanceof NoAnswerError) return true;
  if (!(error instanceof BrokerUnavailableError)) return false;
  const code = refusalOf(error.cause);
  return code === null || code === 'LOADING' || isMove(code);
}
