import { parseChannelKey } from '@trunkline/contract';
import {
  type Broker,
  type BrokerListener,
  type ClientInfo,
  type History,
  NotDurableError,
  type PresenceChange,
  type Publication,
  type PublishOptions,
  type StreamPosition,
} from './broker.ts';
import { newEpoch } from './epoch.ts';
import { ItemStore, type Stream } from './item-store.ts';
import { JoinStore } from './join-store.ts';
import { PresenceStore } from './presence-store.ts';
import { PublishedKeys } from './published-keys.ts';
import { type Place, RecencyList } from './recency-list.ts';
import { RevocationStore } from './revocation-store.ts';

/** Options of the memory engine. */
export interface MemoryBrokerOptions {
  /** Bytes of publications kept in all. Default 64 MiB. */
  maxBytes?: number;
  /** Bytes of publications kept for one tenant. Default 16 MiB. */
  maxBytesPerTenant?: number;
  /** Milliseconds that an untouched stream keeps its epoch and offset. Default 7 days. */
  streamTtlMs?: number;
  /** Streams that keep their epoch and offset; the least recently used go first. Default 100,000. */
  maxStreams?: number;
  /** Idempotency keys remembered in all; the oldest go first. Default 100,000. */
  maxIdempotencyKeys?: number;
  /** Idempotency keys remembered for one tenant. Default 10,000. */
  maxIdempotencyKeysPerTenant?: number;
  /** Revocations remembered; the oldest go first. Default 100,000. */
  maxRevocations?: number;
}

const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
const IDEMPOTENCY_MS = 5 * 60 * 1000;
const SWEEP_MS = 1_000;
const deaf: BrokerListener = { onPublication: () => {} };

/**
 * The engine of a single node: no infrastructure, and bounded. It survives nothing: a restart
 * gives every stream a new epoch, so that everybody who comes back is told to refetch.
 */
export class MemoryBroker implements Broker {
  readonly isShared: boolean = false;
  readonly #streams = new Map<string, Place<Stream>>();
  readonly #recent = new RecencyList<Stream>();
  readonly #subscribed = new Set<string>();
  readonly #published: PublishedKeys;
  readonly #items: ItemStore;
  readonly #presence = new PresenceStore();
  readonly #joins = new JoinStore();
  readonly #revocations: RevocationStore;
  readonly #streamTtlMs: number;
  readonly #maxStreams: number;
  #listener: BrokerListener = deaf;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: MemoryBrokerOptions = {}) {
    this.#items = new ItemStore(
      options.maxBytes ?? 64 * MIB,
      options.maxBytesPerTenant ?? 16 * MIB,
    );
    this.#published = new PublishedKeys({
      ttlMs: IDEMPOTENCY_MS,
      maxKeys: options.maxIdempotencyKeys ?? 100_000,
      maxKeysPerTenant: options.maxIdempotencyKeysPerTenant ?? 10_000,
    });
    this.#revocations = new RevocationStore(options.maxRevocations ?? 100_000);
    this.#streamTtlMs = options.streamTtlMs ?? 7 * DAY_MS;
    this.#maxStreams = options.maxStreams ?? 100_000;
  }

  async start(listener: BrokerListener): Promise<void> {
    this.#listener = listener;
    this.#sweeper = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    this.#sweeper.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#subscribed.clear();
    this.#listener = deaf;
  }

  // Offset, append and announce without an await in between: that is the atomic step.
  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    if (options.replicas) {
      throw new NotDurableError('Not published: the memory engine has no replicas', {
        isPublished: false,
      });
    }
    const now = performance.now(); // a jump of the wall clock must not empty the history
    const key =
      options.idempotencyKey === undefined ? null : `${channel}\n${options.idempotencyKey}`;
    const earlier = key === null ? undefined : this.#published.find(key, now);
    if (earlier) return earlier;
    const { publication, position } = this.#append(channel, data, options, now);
    if (key !== null) this.#published.remember(tenantIdOf(channel), key, position, now);
    if (this.#subscribed.has(channel)) {
      this.#listener.onPublication(channel, publication, position.epoch);
    }
    return position;
  }

  async subscribe(channel: string): Promise<void> {
    this.#subscribed.add(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#subscribed.delete(channel);
  }

  async history(channel: string, afterOffset: number | null): Promise<History> {
    const stream = this.#touch(channel, performance.now());
    const publications =
      afterOffset === null ? [] : stream.items.filter(({ offset }) => offset > afterOffset);
    return { publications, top: { epoch: stream.epoch, offset: stream.top } };
  }

  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    const now = performance.now();
    return channels.map((channel) => {
      const { epoch, top } = this.#touch(channel, now);
      return { epoch, offset: top };
    });
  }

  async broadcast(channel: string, change: PresenceChange): Promise<void> {
    if (this.#subscribed.has(channel)) this.#listener.onPresenceChange?.(channel, change);
  }

  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    this.#presence.add(channel, info, performance.now() + ttlMs);
  }

  async removePresence(channel: string, clientId: string): Promise<void> {
    this.#presence.remove(channel, clientId);
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return this.#presence.of(channel, performance.now());
  }

  async addJoin(user: string, room: string): Promise<void> {
    this.#joins.add(user, room);
  }

  async removeJoin(user: string, room: string): Promise<void> {
    this.#joins.remove(user, room);
  }

  async joins(user: string): Promise<readonly string[]> {
    return this.#joins.of(user);
  }

  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    this.#revocations.add(subject, at, performance.now() + ttlMs);
  }

  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    return this.#revocations.latestOf(subjects, performance.now());
  }

  #append(
    channel: string,
    data: string,
    { history, info, conflationKey }: PublishOptions,
    now: number,
  ): { publication: Publication; position: StreamPosition } {
    const content = {
      data,
      ...(info ? { info } : {}),
      ...(conflationKey === undefined ? {} : { conflationKey }),
    };
    if (!history) {
      return { publication: { ...content, offset: 0 }, position: { epoch: '', offset: 0 } };
    }
    const stream = this.#touch(channel, now);
    stream.top += 1;
    const publication: Publication = { ...content, offset: stream.top };
    this.#items.add(stream, publication, history, now);
    return { publication, position: { epoch: stream.epoch, offset: stream.top } };
  }

  /** The stream of a channel, made when it is first touched, with what has expired removed. */
  #touch(channel: string, now: number): Stream {
    const place = this.#streams.get(channel) ?? this.#recent.add(newStream(channel));
    const stream = place.value;
    this.#streams.set(channel, place);
    this.#recent.touch(place);
    if (this.#streams.size > this.#maxStreams) this.#forgetOldest();
    stream.forgetAt = now + this.#streamTtlMs;
    if (stream.expiresAt <= now) this.#items.drop(stream);
    return stream;
  }

  // Two at a time: streams in use are passed over, and still the number comes down.
  #forgetOldest(): void {
    for (let looks = 2; looks > 0 && this.#streams.size > this.#maxStreams; looks -= 1) {
      const place = this.#recent.oldest;
      if (!place) return;
      if (this.#subscribed.has(place.value.channel)) this.#recent.touch(place);
      else this.#forget(place);
    }
  }

  #forget(place: Place<Stream>): void {
    this.#items.drop(place.value);
    this.#recent.remove(place);
    this.#streams.delete(place.value.channel);
  }

  #sweep(now: number): void {
    for (const place of this.#streams.values()) {
      const { channel, forgetAt, expiresAt } = place.value;
      if (forgetAt <= now && !this.#subscribed.has(channel)) this.#forget(place);
      else if (expiresAt <= now) this.#items.drop(place.value);
    }
    this.#published.forgetExpired(now);
    this.#presence.forgetExpired(now);
    this.#revocations.forgetExpired(now);
  }
}

function newStream(channel: string): Stream {
  return {
    channel,
    tenantId: tenantIdOf(channel),
    epoch: newEpoch(),
    top: 0,
    items: [],
    bytes: 0,
    places: null,
    expiresAt: Infinity,
    forgetAt: Infinity,
  };
}

/** Whose bounds a channel counts to; `''` is the platform. */
function tenantIdOf(channel: string): string {
  const realm = parseChannelKey(channel)?.realm;
  return realm?.kind === 'tenant' ? realm.tenantId : '';
}
