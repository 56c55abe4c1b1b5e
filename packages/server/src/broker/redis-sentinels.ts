import { Redis, type RedisOptions } from 'ioredis';

/** How a Sentinel is watched. */
export interface RedisSentinelsOptions {
  /** The app's own, with `sentinels` and `name`. */
  readonly redis: RedisOptions;
  /** Another Redis has become the primary. */
  readonly onSwitched: () => void;
}

const RETRY_MS = 1_000;
const SENTINEL_PORT = 26_379;
const SWITCHED = '+switch-master';

/**
 * Hears from the Sentinels that another Redis has become the primary. The old one does not say so: for
 * some seconds it goes on as a primary, and what it acknowledges then is lost.
 */
export class RedisSentinels {
  readonly #clients: readonly Redis[];

  constructor({ redis, onSwitched }: RedisSentinelsOptions) {
    const { sentinels, name } = redis;
    this.#clients = (sentinels ?? []).map(({ host = '127.0.0.1', port = SENTINEL_PORT }) => {
      const client = new Redis({ ...connectionTo(redis), host, port });
      client.on('error', () => {}); // it connects again, and there are others
      client.on('message', (_channel: string, text: string) => {
        if (text.split(' ')[0] === name) onSwitched();
      });
      return client;
    });
  }

  /** Begins to listen; waits for nobody. */
  start(): void {
    for (const client of this.#clients) {
      // It is subscribed to anew on each connection, the first one too.
      client.subscribe(SWITCHED).catch(() => {});
    }
  }

  stop(): void {
    for (const client of this.#clients) client.disconnect();
  }
}

function connectionTo(redis: RedisOptions): RedisOptions & { readonly replyMapping: 'legacy' } {
  const { sentinelUsername, sentinelPassword, sentinelTLS, connectTimeout, family } = redis;
  return {
    ...(sentinelUsername ? { username: sentinelUsername } : {}),
    ...(sentinelPassword ? { password: sentinelPassword } : {}),
    ...(sentinelTLS ? { tls: sentinelTLS } : {}),
    ...(connectTimeout === undefined ? {} : { connectTimeout }),
    ...(family === undefined ? {} : { family }),
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => RETRY_MS,
    replyMapping: 'legacy',
  };
}
