import { AsyncResource } from 'node:async_hooks';
import { Redis } from 'ioredis';
import { BrokerUnavailableError, NotDurableError } from './broker.ts';
import { RedisLink } from './redis-link.ts';
import type { RedisSettings } from './redis-options.ts';
import type { RedisScript } from './redis-scripts.ts';

/** What a lane works with. */
export interface RedisReplicaLaneOptions {
  readonly settings: RedisSettings;
  readonly key: string;
  /** Writes the key, and returns which history of data this Redis has. */
  readonly mark: RedisScript;
  /** How long replicas may take. */
  readonly timeoutMs: number;
}

interface Waiter {
  readonly replid: string;
  readonly replicas: number;
  readonly resolve: () => void;
  readonly reject: (reason: Error) => void;
}

const MARK_TTL_MS = 60_000;

/**
 * Asks again and again whether replicas have what was published, on a connection of its own, which waits
 * for the replicas; whoever comes meanwhile is in the next round, all together.
 */
export class RedisReplicaLane {
  readonly #options: RedisReplicaLaneOptions;
  readonly #round: () => void;
  #link: RedisLink | null = null;
  #waiting: Waiter[] = [];
  #isAsking = false;
  #isStopped = false;

  constructor(options: RedisReplicaLaneOptions) {
    this.#options = options;
    this.#round = AsyncResource.bind(() => void this.#rounds());
  }

  /** Settles when that many replicas have answered, or have not. */
  async confirm(replid: string, replicas: number): Promise<void> {
    const { maxInFlight } = this.#options.settings;
    if (this.#waiting.length >= maxInFlight) {
      throw new NotDurableError(
        `Published, but more than ${maxInFlight} wait for replicas already`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ replid, replicas, resolve, reject });
    if (!this.#isAsking) {
      this.#isAsking = true;
      setImmediate(this.#round);
    }
    await promise;
  }

  /** Another Redis has become the primary. */
  cut(): void {
    this.#link?.cut();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#link?.stop();
  }

  async #rounds(): Promise<void> {
    while (this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      // oxlint-disable-next-line no-await-in-loop -- one round after the other is the point
      await this.#ask(round);
    }
    this.#isAsking = false;
  }

  async #ask(round: readonly Waiter[]): Promise<void> {
    try {
      const { replid, replicas } = await this.#count(Math.max(...round.map((one) => one.replicas)));
      for (const one of round) settle(one, replid, replicas);
    } catch (cause) {
      for (const { reject } of round) {
        reject(new NotDurableError('Published, but replicas could not be asked', { cause }));
      }
    }
  }

  async #count(replicas: number): Promise<{ replid: unknown; replicas: number }> {
    const { mark, key, timeoutMs } = this.#options;
    const { call } = await this.#connected();
    const [replid, count] = await Promise.all([
      call('eval', [mark.text, 1, key, MARK_TTL_MS]),
      call('wait', [replicas, timeoutMs]),
    ]);
    return { replid, replicas: Number(count) };
  }

  async #connected(): Promise<RedisLink> {
    const { commandTimeoutMs } = this.#options.settings;
    if (this.#isStopped) throw new BrokerUnavailableError('The broker is stopped');
    if (!this.#link) {
      this.#link = this.#newLink();
      await this.#link.start(commandTimeoutMs);
    }
    return this.#link;
  }

  #newLink(): RedisLink {
    const { settings } = this.#options;
    return new RedisLink({
      name: 'replicas',
      connect: (retryStrategy) => new Redis({ ...settings.redis, retryStrategy }),
      prepare: async () => {},
      limits: {
        maxCommands: settings.maxInFlight,
        maxBytes: settings.maxInFlightBytes,
        timeoutMs: settings.commandTimeoutMs,
      },
      listener: {
        onUp: () => {},
        onDown: () => {},
        onLate: () => {},
        // It was a primary when it was connected to: a new connection may lead to the one that is.
        onRefused: (code) => {
          if (code === 'READONLY') this.#link?.cut();
        },
      },
    });
  }
}

function settle({ resolve, reject, ...asked }: Waiter, replid: unknown, replicas: number): void {
  if (replid !== asked.replid) {
    reject(
      new NotDurableError(
        'Published, but Redis has failed over or restarted since: it may be lost',
      ),
    );
  } else if (replicas < asked.replicas) {
    reject(
      new NotDurableError(`Published, but ${replicas} replicas have it and not ${asked.replicas}`),
    );
  } else resolve();
}
