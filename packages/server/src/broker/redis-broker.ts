import { ThrottledLog } from '../log.ts';
import {
  type Broker,
  type BrokerListener,
  type BrokerStats,
  BrokerUnavailableError,
  type ClientInfo,
  type History,
  type PresenceChange,
  type PublishOptions,
  type StreamPosition,
} from './broker.ts';
import { RedisCluster } from './redis-cluster.ts';
import { RedisKeys } from './redis-keys.ts';
import { decodeMessage, encodeChange } from './redis-message.ts';
import type { RedisAddress, RedisSettings } from './redis-options.ts';
import { probe } from './redis-probe.ts';
import { RedisReplicas } from './redis-replicas.ts';
import { type StreamScripts, streamScripts } from './redis-scripts.ts';
import { RedisSentinels } from './redis-sentinels.ts';
import { type RedisCounts, RedisShard } from './redis-shard.ts';
import { RedisState } from './redis-state.ts';
import { stateScripts } from './redis-state-scripts.ts';
import { RedisStreams } from './redis-streams.ts';
import { RedisSubscriptions } from './redis-subscriptions.ts';
import { type RedisTopology, SingleRedis } from './redis-topology.ts';

const deaf: BrokerListener = { onPublication: () => {} };
const START_MS = 5_000;

/** The engine of any number of nodes: what they share is in Redis. */
export class RedisBroker implements Broker {
  readonly isShared = true;
  readonly #settings: RedisSettings;
  readonly #keys: RedisKeys;
  readonly #scripts: StreamScripts;
  readonly #counts: RedisCounts = {
    connectionsLost: 0,
    lateAnswers: 0,
    refusals: 0,
    malformed: 0,
    unannounced: 0,
  };
  readonly #log: ThrottledLog;
  readonly #topology: RedisTopology;
  readonly #subscriptions: RedisSubscriptions;
  readonly #streams: RedisStreams;
  readonly #state: RedisState;
  readonly #replicas: RedisReplicas | null;
  readonly #sentinels: RedisSentinels;
  #listener: BrokerListener = deaf;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    this.#keys = new RedisKeys(settings.prefix);
    this.#scripts = streamScripts(settings);
    this.#log = new ThrottledLog(settings.log);
    this.#topology = this.#makeTopology();
    this.#subscriptions = this.#makeSubscriptions();
    this.#replicas = this.#makeReplicas();
    this.#sentinels = this.#makeSentinels();
    const shardOf = (channel: string) => this.#shardOf(channel);
    const onMalformed = (channel: string) => this.#onMalformed(channel);
    this.#state = new RedisState({ keys: this.#keys, shardOf, onMalformed });
    this.#streams = new RedisStreams({
      settings,
      keys: this.#keys,
      scripts: this.#scripts,
      replicas: this.#replicas,
      shardOf,
      onMalformed,
      onUnannounced: (channel) => this.#onUnannounced(channel),
    });
  }

  async start(listener: BrokerListener): Promise<void> {
    try {
      await this.#topology.start(START_MS);
      await this.#probe();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#listener = listener;
    this.#sentinels.start();
  }

  async stop(): Promise<void> {
    this.#listener = deaf;
    this.#sentinels.stop();
    this.#subscriptions.stop();
    await Promise.all([this.#topology.stop(), this.#replicas?.stop()]);
  }

  /** How it does. */
  stats(): BrokerStats {
    const { shards } = this.#topology;
    return {
      ...this.#counts,
      isConnected: shards.length > 0 && shards.every((shard) => shard.isUp),
      inFlight: shards.reduce((sum, { commands }) => sum + commands.inFlight, 0),
      channels: this.#subscriptions.size,
    };
  }

  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    return await this.#streams.publish(channel, data, options);
  }

  async subscribe(channel: string): Promise<void> {
    await this.#subscriptions.subscribe(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#subscriptions.unsubscribe(channel);
  }

  async history(channel: string, afterOffset: number | null): Promise<History> {
    return await this.#streams.history(channel, afterOffset);
  }

  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    return await this.#streams.tops(channels);
  }

  async broadcast(channel: string, change: PresenceChange): Promise<void> {
    const publish = this.#settings.isSharded ? 'spublish' : 'publish';
    const name = this.#keys.announcements(channel);
    await this.#shardOf(channel).commands.call(publish, [name, encodeChange(change)]);
  }

  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    await this.#state.addPresence(channel, info, ttlMs);
  }

  async removePresence(channel: string, clientId: string): Promise<void> {
    await this.#state.removePresence(channel, clientId);
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return await this.#state.presence(channel);
  }

  async addJoin(user: string, room: string): Promise<void> {
    await this.#state.addJoin(user, room);
  }

  async removeJoin(user: string, room: string): Promise<void> {
    await this.#state.removeJoin(user, room);
  }

  async joins(user: string): Promise<readonly string[]> {
    return await this.#state.joins(user);
  }

  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    await this.#state.revoke(subject, at, ttlMs);
  }

  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    return await this.#state.revokedAt(subjects);
  }

  async #probe(): Promise<void> {
    for (const shard of this.#topology.shards) {
      if (!this.#topology.shards.includes(shard)) continue; // gone since the first one was probed
      // oxlint-disable-next-line no-await-in-loop -- they share the listener
      await probe({
        broker: this,
        settings: this.#settings,
        keys: this.#keys,
        shard,
        shardOf: (channel) => this.#topology.shardOf(channel),
        listen: (listener) => {
          this.#listener = listener;
        },
      });
    }
  }

  #makeTopology(): RedisTopology {
    const makeShard = (address?: RedisAddress) => this.#makeShard(address);
    const { cluster } = this.#settings;
    if (!cluster) return new SingleRedis(makeShard);
    return new RedisCluster({
      settings: this.#settings,
      connection: cluster,
      keys: this.#keys,
      makeShard,
      onChanged: () => this.#subscriptions.align(),
    });
  }

  #makeShard(address: RedisAddress | undefined): RedisShard {
    return new RedisShard({
      settings: this.#settings,
      address: address ?? null,
      scripts: [...Object.values(this.#scripts), ...Object.values(stateScripts)],
      counts: this.#counts,
      resubscribe: (shard, call) => this.#subscriptions.resubscribe(shard, call),
      onMessage: (name, text) => this.#subscriptions.receive(name, text),
      onUp: () => this.#subscriptions.align(),
      onSilent: (shard) => this.#subscriptions.lose(shard),
      onMoved: () => this.#topology.refresh(),
      onDoubt: (shard) => this.#subscriptions.doubt(shard),
    });
  }

  #makeSubscriptions(): RedisSubscriptions {
    return new RedisSubscriptions({
      keys: this.#keys,
      isSharded: this.#settings.isSharded,
      timeoutMs: this.#settings.commandTimeoutMs,
      shardOf: (channel) => this.#topology.shardOf(channel),
      onMessage: (channel, text) => this.#receive(channel, text),
      onResumed: () => this.#listener.onResumed?.(),
    });
  }

  #makeReplicas(): RedisReplicas | null {
    const { isFenced, cluster } = this.#settings;
    if (!isFenced || cluster) return null;
    const { mark } = this.#scripts;
    return new RedisReplicas({ settings: this.#settings, key: this.#keys.mark, mark });
  }

  #makeSentinels(): RedisSentinels {
    return new RedisSentinels({
      redis: this.#settings.redis,
      onSwitched: () => {
        this.#log.warn('redis_primary_switched', 'switched', {});
        for (const shard of this.#topology.shards) shard.cutSoon();
        this.#replicas?.cut();
      },
    });
  }

  #shardOf(channel: string): RedisShard {
    const shard = this.#topology.shardOf(channel);
    if (shard) return shard;
    throw new BrokerUnavailableError(
      'No node of the Redis Cluster is responsible for the channel at present: try again later',
    );
  }

  #receive(channel: string, text: string): void {
    const isSmall = text.length <= this.#settings.maxMessageLength;
    const message = isSmall ? decodeMessage(text) : null;
    if (message === null) this.#onMalformed(channel);
    else if (message.kind === 'change') this.#listener.onPresenceChange?.(channel, message.change);
    else this.#listener.onPublication(channel, message.publication, message.epoch);
  }

  #onMalformed(channel: string): void {
    this.#counts.malformed += 1;
    this.#log.warn('redis_message_dropped', 'malformed', { channel });
  }

  #onUnannounced(channel: string): void {
    this.#counts.unannounced += 1;
    this.#log.error('redis_publication_not_announced', 'unannounced', {
      channel,
      advice: 'the ACL of Redis forbids PUBLISH: nodes find publications late, by looking for them',
    });
  }
}
