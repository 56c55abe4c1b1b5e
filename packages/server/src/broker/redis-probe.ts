import { withTimeout } from '../with-timeout.ts';
import type { Broker, BrokerListener, ClientInfo } from './broker.ts';
import { newEpoch } from './epoch.ts';
import { refusalOf } from './redis-errors.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { RedisSettings } from './redis-options.ts';
import type { RedisShard } from './redis-shard.ts';

/** What a probe works with. */
export interface RedisProbeOptions {
  readonly broker: Broker;
  readonly settings: RedisSettings;
  readonly keys: RedisKeys;
  /** Whom it asks. */
  readonly shard: RedisShard;
  readonly shardOf: (channel: string) => RedisShard | null;
  /** Has the broker, from here on, tell this listener. */
  readonly listen: (listener: BrokerListener) => void;
}

const history = { size: 1, ttlMs: 1_000, maxBytes: 1_000 };
const ONCES = ['kept', 'unkept'] as const;
/** So many that a shard with one of 16,384 slots is hardly ever missed. */
const MAX_TRIES = 200_000;
const somebody: ClientInfo = { user: '', client: 'probe', since: 0 };

/**
 * Does with a channel of its own whatever a broker does, before anybody relies on it: what Redis does not
 * allow comes to light at the start, and not with the first tenant who needs it.
 */
export async function probe(options: RedisProbeOptions): Promise<void> {
  const { broker, shard, keys } = options;
  const channel = channelOf(options);
  if (channel === null) return;
  await requireVersion(options);
  await requireAnnouncements(options, channel);
  await broker.history(channel, 0);
  await broker.tops([channel]);
  await broker.addPresence(channel, somebody, history.ttlMs);
  await broker.presence(channel);
  await broker.removePresence(channel, somebody.client);
  await broker.addJoin(channel, channel);
  await broker.joins(channel);
  await broker.removeJoin(channel, channel);
  await broker.revoke(channel, 0, history.ttlMs);
  await broker.revokedAt([channel]);
  await broker.unsubscribe(channel);
  const onces = ONCES.map((once) => keys.once(channel, once));
  const left = [keys.meta(channel), keys.stream(channel), keys.revoked(channel), ...onces];
  await shard.commands.call('del', left);
}

/** One that the shard is responsible for; `null`: it has none of the slots, or not any more. */
function channelOf({ shard, shardOf }: RedisProbeOptions): string | null {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const channel = `!probe:${newEpoch()}`;
    if (shardOf(channel) === shard) return channel;
  }
  return null;
}

async function requireVersion({ shard, settings }: RedisProbeOptions): Promise<void> {
  const oldest = settings.isSharded ? 7 : 6.2;
  const version = await versionOf(shard);
  if (version === null || version >= oldest) return;
  const remedy = settings.isSharded ? 'upgrade it, or set shardedPubSub: false' : 'upgrade it';
  throw new Error(`Redis ${version} is too old, ${oldest} is the oldest that does: ${remedy}`);
}

/** Major and minor; `null`: it does not say. */
async function versionOf({ commands }: RedisShard): Promise<number | null> {
  try {
    const info = String(await commands.call('info', ['server']));
    const [, version] = /redis_version:(\d+\.\d)/.exec(info) ?? [];
    return version === undefined ? null : Number(version);
  } catch (error) {
    // Without the fence nobody needs to be allowed it.
    if (refusalOf((error as Error).cause) === 'NOPERM') return null;
    throw error;
  }
}

async function requireAnnouncements(
  { broker, settings, listen }: RedisProbeOptions,
  channel: string,
): Promise<void> {
  const heard = new Set<string>();
  const all = Promise.withResolvers<void>();
  const hear = (what: string) => {
    heard.add(what);
    if (heard.size === 3) all.resolve();
  };
  listen({
    onPublication: (_channel, { offset }) => hear(offset === 0 ? 'unkept' : 'kept'),
    onPresenceChange: () => hear('change'),
  });
  await broker.subscribe(channel);
  const [kept, unkept] = ONCES;
  await broker.publish(channel, '1', { history, idempotencyKey: kept });
  await broker.publish(channel, '2', { history: null, idempotencyKey: unkept });
  await broker.broadcast(channel, { kind: 'join', info: somebody });
  const silence = () =>
    new Error(
      `Redis does not announce what is published (heard: ${[...heard].join(', ') || 'nothing'}): is subscriberConnection another Redis than connection?`,
    );
  await withTimeout(all.promise, settings.commandTimeoutMs, silence);
}
