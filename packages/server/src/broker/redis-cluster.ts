import { AsyncResource } from 'node:async_hooks';
import { Redis } from 'ioredis';
import { BrokerUnavailableError } from './broker.ts';
import { withoutCommand } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisAddress, RedisClusterConnection, RedisSettings } from './redis-options.ts';
import type { RedisShard } from './redis-shard.ts';
import { slotOf } from './redis-slot.ts';
import type { MakeShard, RedisTopology } from './redis-topology.ts';

/** What a cluster works with. */
export interface RedisClusterOptions {
  readonly settings: RedisSettings;
  readonly connection: RedisClusterConnection;
  readonly keys: RedisKeys;
  readonly makeShard: MakeShard;
  /** Other shards are responsible than before. */
  readonly onChanged: () => void;
}

/** Who has which slots, as `CLUSTER SLOTS` says. */
interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly primary: RedisAddress;
}

const SLOTS = 16_384;
/** Between two looks at who is responsible: when somebody is missing, and when all is well. */
const SOON_MS = 250;
const LATER_MS = 10_000;
/** Whoever is asked may hear of a move later than who was told of it: looked at soon for so long. */
const WATCH_MS = 5_000;

/**
 * A Redis Cluster: a shard for each primary, and who has which slots. ioredis has a cluster of its own, but
 * that one sends what was not answered a second time, and out of turn: here a command that went to
 * the wrong node is refused, as certainly not done, and the next one goes to the right one.
 */
export class RedisCluster implements RedisTopology {
  readonly #options: RedisClusterOptions;
  readonly #shards = new Map<string, RedisShard>();
  readonly #bySlot: (RedisShard | null)[] = Array.from({ length: SLOTS }, () => null);
  readonly #onTimer: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;
  #isLooking = false;
  /** Until when it is looked at soon: somebody was told that he asked the wrong one. */
  #watchUntil = 0;
  #isStopped = false;

  constructor(options: RedisClusterOptions) {
    this.#options = options;
    // The connections are everybody's: one that is made for a tenant's publication must not act as that tenant.
    this.#onTimer = AsyncResource.bind(() => void this.#look());
  }

  get shards(): readonly RedisShard[] {
    return [...this.#shards.values()];
  }

  shardOf(channel: string): RedisShard | null {
    return this.#bySlot[slotOf(this.#options.keys.announcements(channel))] ?? null;
  }

  async start(timeoutMs: number): Promise<void> {
    const ranges = await this.#ask();
    const starts = this.#take(ranges).map((shard) => shard.start(timeoutMs));
    await Promise.all(starts);
    this.#lookIn(LATER_MS);
  }

  refresh(): void {
    this.#watchUntil = performance.now() + WATCH_MS;
    if (!this.#isLooking) this.#lookIn(Math.max(0, this.#lookedAt + SOON_MS - performance.now()));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.shards.map((shard) => shard.stop()));
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(this.#onTimer, delayMs);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    this.#lookedAt = performance.now();
    try {
      const ranges = await this.#ask();
      if (this.#isStopped) return;
      const { commandTimeoutMs } = this.#options.settings;
      for (const shard of this.#take(ranges)) shard.start(commandTimeoutMs).catch(() => {});
      this.#options.onChanged();
    } catch {
      // Nobody answers: the shards say so themselves, and it is tried again.
    } finally {
      this.#isLooking = false;
      const isWhole = this.shards.every((shard) => shard.isUp) && this.#bySlot.every(Boolean);
      const isSettled = isWhole && performance.now() >= this.#watchUntil;
      this.#lookIn(isSettled ? LATER_MS : SOON_MS);
    }
  }

  /** Asks one node after the other until one answers: those first that are up. */
  async #ask(): Promise<readonly SlotRange[]> {
    const { connection, settings } = this.#options;
    const up = this.shards.filter(({ commands }) => commands.isUp);
    const asks = [
      ...up.map((shard) => () => askShard(shard)),
      ...connection.cluster.map((address) => () => askAt(address, settings)),
    ];
    const failures: unknown[] = [];
    for (const ask of asks) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- the next is asked only if this one is silent
        return await ask();
      } catch (error) {
        failures.push(withoutCommand(error as Error));
      }
    }
    throw new BrokerUnavailableError(
      `None of the Redis Cluster answers CLUSTER SLOTS: ${String(failures.at(-1))}`,
      { cause: failures.at(-1) },
    );
  }

  /** Makes it so; returns the shards that are new. */
  #take(ranges: readonly SlotRange[]): RedisShard[] {
    const added: RedisShard[] = [];
    const named = new Set<string>();
    this.#bySlot.fill(null);
    for (const { first, last, primary } of ranges) {
      const address = this.#options.connection.natMap?.[nameOf(primary)] ?? primary;
      const name = nameOf(address);
      const shard = this.#shards.get(name) ?? this.#options.makeShard(address);
      if (!this.#shards.has(name)) added.push(shard);
      this.#shards.set(name, shard);
      named.add(name);
      this.#bySlot.fill(shard, first, last + 1);
    }
    for (const [name, shard] of this.#shards) if (!named.has(name)) this.#dismiss(name, shard);
    return added;
  }

  #dismiss(name: string, shard: RedisShard): void {
    this.#shards.delete(name);
    void shard.stop();
  }
}

/** One that is cut off from the others knows only how it was: it says that the cluster has failed. */
async function askShard({ commands, address }: RedisShard): Promise<readonly SlotRange[]> {
  const [info, slots] = await Promise.all([
    commands.call('cluster', ['INFO']),
    commands.call('cluster', ['SLOTS']),
  ]);
  if (!String(info).includes('cluster_state:ok')) throw new Error('cluster_state is not ok');
  return readSlots(slots, address?.host ?? '');
}

/** Over a connection of its own: nobody is connected yet, or any more. */
async function askAt(
  address: RedisAddress,
  settings: RedisSettings,
): Promise<readonly SlotRange[]> {
  const redis = new Redis({
    ...settings.redis,
    ...address,
    commandTimeout: settings.commandTimeoutMs,
    retryStrategy: null,
    enableReadyCheck: false,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return readSlots(await redis.call('CLUSTER', 'SLOTS'), address.host);
  } finally {
    redis.disconnect();
  }
}

/** Reads the answer to `CLUSTER SLOTS`. */
function readSlots(answer: unknown, askedHost: string): SlotRange[] {
  if (!Array.isArray(answer)) throw new TypeError('CLUSTER SLOTS was answered with no list');
  return answer.map((range: unknown) => {
    const [first, last, primary] = range as [number, number, [string | null, number]];
    const [host, port] = primary;
    return { first, last, primary: { host: host || askedHost, port } };
  });
}

function nameOf({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}
