import { comesTrue } from '../comes-true.ts';
import type { Missing } from '../services/missing.ts';
import { startRedis } from '../services/redis.ts';
import type { RedisServer } from '../services/redis-server.ts';
import { startSentinel } from '../services/sentinel.ts';
import { MissingServerError } from './lab.ts';

const NAME = 'lab';
const REPLICAS = 2;
const SENTINELS = 3;
const PATIENCE_MS = 60_000;

/** A Redis with two replicas, and three Sentinels that watch over them. */
export class SentinelGroup {
  readonly #servers: RedisServer[] = [];
  readonly #sentinels: RedisServer[] = [];

  /** Resolves when all of them know each other. */
  static async start(): Promise<SentinelGroup> {
    const group = new SentinelGroup();
    try {
      await group.#start();
      return group;
    } catch (error) {
      await group.stop();
      throw error;
    }
  }

  /** For `redisBroker`. */
  get connection(): object {
    const [{ password } = { password: '' }] = this.#servers;
    const sentinels = this.#sentinels.map(({ port }) => ({ host: '127.0.0.1', port }));
    return { sentinels, name: NAME, password, sentinelPassword: password };
  }

  /** Who is the primary, as the Sentinels have it. */
  async primary(): Promise<RedisServer> {
    const port = await this.#primaryPort();
    const server = this.#servers.find((each) => each.port === port);
    if (!server) throw new Error(`The Sentinels name ${port}, which is none of the servers`);
    return server;
  }

  /** Has a replica take the place of the primary; resolves when the Sentinels say that it has. */
  async failOver(): Promise<void> {
    const before = await this.#primaryPort();
    await this.#ask('FAILOVER', NAME);
    await this.#until('a new primary', async () => (await this.#primaryPort()) !== before);
  }

  /** Resolves when the primary has both replicas, and all Sentinels know of it. */
  async settled(): Promise<void> {
    await this.#until('two replicas', async () => {
      const info = await (await this.primary()).info('replication');
      return info.match(/state=online/g)?.length === REPLICAS;
    });
    await this.#until('Sentinels that agree', async () => {
      const known = await Promise.all(this.#sentinels.map(async (each) => await flagsIn(each)));
      return known.every(
        ({ replicas, others }) => replicas === REPLICAS && others === SENTINELS - 1,
      );
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.#servers].map((server) => server.stop()));
  }

  async #start(): Promise<void> {
    const primary = there(await startRedis());
    this.#servers.push(primary);
    // As one that becomes a replica some day.
    await primary.configure('masterauth', primary.password);
    for (let n = 0; n < REPLICAS; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- kept at once: whatever fails, all are stopped
      const replica = there(await startRedis({ sibling: primary }));
      this.#servers.push(replica);
      // oxlint-disable-next-line no-await-in-loop -- see above
      await replica.replicate(primary);
    }
    for (let n = 0; n < SENTINELS; n += 1) {
      // oxlint-disable-next-line no-await-in-loop -- see above
      const sentinel = await startSentinel({ name: NAME, primary, quorum: 2 });
      this.#sentinels.push(there(sentinel));
    }
    await this.settled();
  }

  async #primaryPort(): Promise<number> {
    const [, port] = (await this.#ask('GET-MASTER-ADDR-BY-NAME', NAME)) as [string, string];
    return Number(port);
  }

  async #ask(...question: readonly string[]): Promise<unknown> {
    return await this.#sentinels[0]?.command('SENTINEL', ...question);
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    if (await comesTrue(PATIENCE_MS, isSo, 100)) return;
    const info = await (await this.primary()).info('replication');
    throw new Error(`There were no ${what} after ${PATIENCE_MS / 1_000} s:\n${info}`);
  }
}

function there(server: RedisServer | Missing): RedisServer {
  if ('missing' in server) throw new MissingServerError(server.missing);
  return server;
}

/** How many healthy replicas, and how many other Sentinels, one knows of. */
async function flagsIn(sentinel: RedisServer): Promise<{ replicas: number; others: number }> {
  const replicas = (await sentinel.command('SENTINEL', 'REPLICAS', NAME)) as string[][];
  const others = (await sentinel.command('SENTINEL', 'SENTINELS', NAME)) as string[][];
  const healthy = replicas.filter((fields) => fields[fields.indexOf('flags') + 1] === 'slave');
  return { replicas: healthy.length, others: others.length };
}
