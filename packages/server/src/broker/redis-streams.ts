import {
  type History,
  NotDurableError,
  type Publication,
  type PublishOptions,
  PublishTimeoutError,
  type StreamPosition,
} from './broker.ts';
import { newEpoch } from './epoch.ts';
import { chunks, push } from './redis-batches.ts';
import { NoAnswerError } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';
import { type Content, decodeItem, encodeItem, encodeUnkept } from './redis-message.ts';
import { type RedisSettings, wholeMs } from './redis-options.ts';
import type { RedisReplicas } from './redis-replicas.ts';
import type { StreamScripts } from './redis-scripts.ts';
import type { RedisShard } from './redis-shard.ts';
import { slotOf } from './redis-slot.ts';

/** What the streams work with. */
export interface RedisStreamsOptions {
  readonly settings: RedisSettings;
  readonly keys: RedisKeys;
  readonly scripts: StreamScripts;
  readonly replicas: RedisReplicas | null;
  /** Who is responsible; throws `BrokerUnavailableError` when nobody is. */
  readonly shardOf: (channel: string) => RedisShard;
  /** Something in Redis is none of ours. */
  readonly onMalformed: (channel: string) => void;
  /** It was stored, and Redis did not allow to announce it. */
  readonly onUnannounced: (channel: string) => void;
}

const IDEMPOTENCY_MS = 5 * 60 * 1000;
/** Streams that one script looks at: it holds up everybody else meanwhile. */
const TOPS_PER_SCRIPT = 200;
const UNKEPT: StreamPosition = { epoch: '', offset: 0 };

/** The streams of the channels, in Redis. */
export class RedisStreams {
  readonly #options: RedisStreamsOptions;

  constructor(options: RedisStreamsOptions) {
    this.#options = options;
  }

  /** As `Broker.publish`. */
  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    const replicas = options.replicas ?? 0;
    if (replicas > 0) this.#requireReplicas(options);
    const item = encodeItem({ data, ...options });
    const { position, replid } = await publishing(
      options.history
        ? this.#keep(channel, { item, bytes: Buffer.byteLength(data) }, options)
        : this.#announce(channel, item, options.idempotencyKey),
    );
    if (replicas > 0) await this.#options.replicas?.confirm(replid, replicas);
    return position;
  }

  /** As `Broker.history`. */
  async history(channel: string, afterOffset: number | null): Promise<History> {
    const { keys, scripts, settings, shardOf } = this.#options;
    const answer = await shardOf(channel).run(
      scripts.history,
      [keys.meta(channel), keys.stream(channel)],
      [afterOffset ?? '', newEpoch(), settings.streamTtlMs],
    );
    const [epoch, offset, entries] = answer as [string, number, [string, string[]][]];
    return {
      publications: this.#publicationsOf(channel, entries, offset),
      top: { epoch, offset },
    };
  }

  /** As `Broker.tops`. */
  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    const tops = new Map<string, StreamPosition>();
    const reading = this.#groups(channels).map(async (group) => await this.#readTops(group, tops));
    const problems = (await Promise.all(reading)).flat();
    // One that cannot be read, or a part of a cluster, must not hide where the others stand.
    if (tops.size === 0 && problems.length > 0) throw problems[0];
    return channels.map((channel) => tops.get(channel) ?? null);
  }

  async #keep(
    channel: string,
    { item, bytes }: { item: string; bytes: number },
    { history, idempotencyKey }: PublishOptions,
  ): Promise<{ position: StreamPosition; replid: string }> {
    const { keys, scripts, settings, shardOf, onUnannounced } = this.#options;
    const { size = 0, ttlMs = 0, maxBytes = 0 } = history ?? {};
    const once = idempotencyKey === undefined ? [] : [keys.once(channel, idempotencyKey)];
    const answer = await shardOf(channel).run(
      scripts.publish,
      [keys.meta(channel), keys.stream(channel), ...once],
      [
        item,
        bytes,
        newEpoch(),
        size,
        wholeMs(ttlMs),
        maxBytes,
        wholeMs(Math.max(settings.streamTtlMs, ttlMs)),
        keys.announcements(channel),
        IDEMPOTENCY_MS,
      ],
    );
    const [epoch, offset, replid, isAnnounced] = answer as [string, number, string, number];
    if (isAnnounced === 0) onUnannounced(channel);
    return { position: { epoch, offset }, replid };
  }

  async #announce(
    channel: string,
    item: string,
    idempotencyKey: string | undefined,
  ): Promise<{ position: StreamPosition; replid: string }> {
    const { keys, scripts, settings, shardOf } = this.#options;
    const name = keys.announcements(channel);
    const shard = shardOf(channel);
    if (idempotencyKey === undefined) {
      const publish = settings.isSharded ? 'spublish' : 'publish';
      await shard.commands.call(publish, [name, encodeUnkept(item)]);
    } else {
      const key = keys.once(channel, idempotencyKey);
      await shard.run(scripts.announceOnce, [key], [encodeUnkept(item), IDEMPOTENCY_MS, name]);
    }
    return { position: UNKEPT, replid: '' };
  }

  #requireReplicas({ history, replicas }: PublishOptions): void {
    if (this.#options.replicas && history) return;
    const reason = history
      ? "a Redis Cluster, or epochFence: 'off', cannot tell which Redis has confirmed it"
      : 'what is not kept is on no replica';
    throw new NotDurableError(`Not published: replicas: ${replicas} was asked for, and ${reason}`, {
      isPublished: false,
    });
  }

  // Up to the top and without a hole, or not at all: what is missing in between was tampered with.
  #publicationsOf(
    channel: string,
    entries: readonly [string, string[]][],
    top: number,
  ): readonly Publication[] {
    let publications: Publication[] = [];
    let next = top - entries.length + 1;
    for (const entry of entries) {
      const content = this.#readEntry(entry, next);
      if (content) publications.push({ ...content, offset: next });
      else {
        this.#options.onMalformed(channel);
        publications = [];
      }
      next += 1;
    }
    return publications;
  }

  #readEntry([id, fields]: [string, string[]], offset: number): Content | null {
    const [name, item] = fields;
    if (id !== `${offset}-0` || name !== 'item' || item === undefined) return null;
    return item.length > this.#options.settings.maxMessageLength ? null : decodeItem(item);
  }

  // Keys of one script share a slot where there are slots.
  #groups(channels: readonly string[]): readonly string[][] {
    const { settings, keys } = this.#options;
    const groups = new Map<number, string[]>();
    for (const channel of channels) {
      const slot = settings.cluster ? slotOf(keys.announcements(channel)) : 0;
      push(groups, slot, channel);
    }
    return [...groups.values()].flatMap((group) => chunks(group, TOPS_PER_SCRIPT));
  }

  /** Adds those that can be read; gives why others cannot. */
  async #readTops(group: readonly string[], tops: Map<string, StreamPosition>): Promise<unknown[]> {
    try {
      for (const [channel, top] of await this.#topsOf(group)) tops.set(channel, top);
    } catch (error) {
      return [error];
    }
    // What has no life yet, or was not touched for long, is touched.
    const touching = group
      .filter((channel) => !tops.has(channel))
      .map(async (channel) => tops.set(channel, (await this.history(channel, null)).top));
    const touched = await Promise.allSettled(touching);
    return touched.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  }

  async #topsOf(channels: readonly string[]): Promise<readonly [string, StreamPosition][]> {
    const { keys, scripts, settings, shardOf } = this.#options;
    const [first = ''] = channels;
    const metas = channels.map((channel) => keys.meta(channel));
    const answer = await shardOf(first).run(scripts.tops, metas, [settings.streamTtlMs]);
    const found = answer as (string | number)[];
    return channels.flatMap((channel, index) => {
      const epoch = String(found[2 * index]);
      const offset = Number(found[2 * index + 1]);
      return epoch === '' ? [] : [[channel, { epoch, offset }] as [string, StreamPosition]];
    });
  }
}

/** Whoever publishes is told in the words of `Broker.publish`. */
async function publishing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NoAnswerError) {
      throw new PublishTimeoutError(error.message, { cause: error });
    }
    throw error;
  }
}
