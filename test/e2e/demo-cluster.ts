import { lastingPort } from '../services/lasting-port.ts';
import type { Missing } from '../services/missing.ts';
import { findNginx, type NginxServer, startNginx } from '../services/nginx.ts';
import { findPostgres, type PostgresServer, startPostgres } from '../services/postgres.ts';
import { findRedis, type RedisServer, startRedis } from '../services/redis.ts';
import { TemporaryFolder } from '../services/temporary-folder.ts';
import { DemoNode } from './demo-node.ts';
import type { Ended } from './demo-process.ts';

export interface DemoClusterOptions {
  /** How many nodes. */
  readonly nodes: number;
  /** Where nginx listens; the nodes listen on the ports behind it. Default: any that are free. */
  readonly port?: number;
  /** Settings of every node, beside those that make it one of them. */
  readonly env?: Record<string, string>;
}

/** What the nodes share. */
interface Shared {
  readonly redis: RedisServer;
  readonly postgres: PostgresServer;
  readonly nginx: NginxServer;
  /** Their files. */
  readonly folder: TemporaryFolder;
}

/** Why there can be no cluster on this machine; `undefined`: there can be one. */
export function missingForCluster(): string | undefined {
  const programs = [findRedis(), findPostgres(), findNginx()];
  return programs.find((program) => typeof program !== 'string')?.missing;
}

/** The demo on several nodes behind nginx, with a Redis and a Postgres. All of it goes when its process does. */
export class DemoCluster {
  readonly nodes: readonly DemoNode[];
  readonly #shared: Shared;

  /** Starts everything; resolves when every node answers. Rejects where a program is missing. */
  static async start(options: DemoClusterOptions): Promise<DemoCluster> {
    const cluster = await DemoCluster.prepare(options);
    try {
      await cluster.startNodes();
      return cluster;
    } catch (error) {
      await cluster.stop('SIGKILL');
      throw error;
    }
  }

  /** Starts what the nodes share, and none of them. */
  static async prepare(options: DemoClusterOptions): Promise<DemoCluster> {
    const ports = await portsFor(options);
    const shared = await startShared(ports, options.port);
    const nodes: DemoNode[] = [];
    for (const [index, port] of ports.entries()) {
      const monitoringPort = await lastingPort();
      const env = { ...options.env, ...environmentOf(shared) };
      nodes.push(new DemoNode({ name: `node ${index + 1}`, port, monitoringPort, env }));
    }
    return new DemoCluster(nodes, shared);
  }

  private constructor(nodes: readonly DemoNode[], shared: Shared) {
    this.nodes = nodes;
    this.#shared = shared;
  }

  /** Where people go: to nginx. */
  get url(): string {
    return this.#shared.nginx.url;
  }

  get redisUrl(): string {
    return this.#shared.redis.url;
  }

  get databaseUrl(): string {
    return this.#shared.postgres.url;
  }

  /** Starts every node, all at once; resolves when each answers. */
  async startNodes(): Promise<void> {
    await Promise.all(this.nodes.map((node) => this.startNode(node)));
  }

  /** Starts a node, the first time or again; resolves when it answers. */
  async startNode(node: DemoNode): Promise<void> {
    const starting = node.start();
    // Whoever ends this process need not wait until they answer.
    const pids = this.nodes.flatMap(({ process }) => process?.pid ?? []);
    this.#shared.folder.occupy(pids);
    await starting;
  }

  /** Ends every node; resolves with how each that ran has ended. */
  async endNodes(signal: NodeJS.Signals): Promise<Ended[]> {
    const ended = await Promise.all(this.nodes.map((node) => node.end(signal)));
    return ended.filter((end) => end !== null);
  }

  /** Ends the nodes, then what they share; its data is removed. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<Ended[]> {
    const ended = await this.endNodes(signal);
    await stopShared(this.#shared);
    return ended;
  }
}

async function portsFor({ nodes, port }: DemoClusterOptions): Promise<number[]> {
  const indexes = Array.from({ length: nodes }, (_, index) => index);
  if (port !== undefined) return indexes.map((index) => port + 1 + index);
  return await Promise.all(indexes.map(() => lastingPort()));
}

async function startShared(nodes: readonly number[], port?: number): Promise<Shared> {
  const [redis, postgres, nginx] = await Promise.all([
    startRedis(),
    startPostgres(),
    startNginx({ nodes, ...(port === undefined ? {} : { port }) }),
  ]);
  const folder = await TemporaryFolder.make('cluster');
  return { redis: present(redis), postgres: present(postgres), nginx: present(nginx), folder };
}

function environmentOf({ redis, postgres, folder }: Shared): Record<string, string> {
  return {
    HOST: '127.0.0.1',
    DATA_DIR: folder.path,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    TRUSTED_PROXIES: '127.0.0.1',
  };
}

async function stopShared({ nginx, redis, postgres, folder }: Shared): Promise<void> {
  await Promise.all([nginx, redis, postgres].map((server) => server.stop()));
  await folder.remove();
}

function present<Server extends object>(server: Server | Missing): Server {
  if ('missing' in server) throw new Error(server.missing);
  return server;
}
