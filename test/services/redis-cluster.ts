import { setTimeout as delay } from 'node:timers/promises';
import { lastingPort } from './lasting-port.ts';
import type { Missing } from './missing.ts';
import { findRedis, type RedisServer, startRedis } from './redis.ts';

const SLOTS = 16_384;
const PRIMARIES = 3;
const FORMED_MS = 30_000;

/** A Redis Cluster of the tests' own: three primaries, which share the slots, each a process. */
export class RedisClusterServers {
  readonly primaries: readonly RedisServer[];
  readonly #replicas: RedisServer[] = [];

  constructor(primaries: readonly RedisServer[]) {
    this.primaries = primaries;
  }

  /** What all of them want. */
  get password(): string {
    return this.#first.password;
  }

  /** Where the primaries are. */
  get addresses(): { host: string; port: number }[] {
    return this.primaries.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  get #first(): RedisServer {
    const [first] = this.primaries;
    if (!first) throw new Error('A cluster has nodes.');
    return first;
  }

  /** Shares the slots out, and makes the nodes known to each other. */
  async form(): Promise<void> {
    const share = Math.ceil(SLOTS / this.primaries.length);
    for (const [index, server] of this.primaries.entries()) {
      const last = Math.min(SLOTS, (index + 1) * share) - 1;
      // oxlint-disable-next-line no-await-in-loop -- three
      await server.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      // oxlint-disable-next-line no-await-in-loop -- see above
      await server.command('CLUSTER', 'ADDSLOTSRANGE', index * share, last);
      // oxlint-disable-next-line no-await-in-loop -- see above
      if (index > 0) await this.#meet(server);
    }
    for (const server of this.primaries) {
      // oxlint-disable-next-line no-await-in-loop -- see above
      await until(server, 'INFO', /cluster_state:ok[^]*cluster_known_nodes:3/);
    }
  }

  /** Starts a replica of a primary; resolves when it has a copy and all know it. */
  async addReplica(primary: RedisServer): Promise<RedisServer> {
    const replica = orThrow(await startMember(this.#first));
    this.#replicas.push(replica);
    await this.#meet(replica);
    const id = String(await primary.command('CLUSTER', 'MYID'));
    await until(replica, 'NODES', new RegExp(id));
    await replica.command('CLUSTER', 'REPLICATE', id);
    const copied = /master_link_status:up/;
    while (!copied.test(await replica.info('replication'))) await delay(20);
    const own = new RegExp(`${String(await replica.command('CLUSTER', 'MYID'))} .* slave ${id}`);
    for (const server of this.primaries) {
      // oxlint-disable-next-line no-await-in-loop -- three
      await until(server, 'NODES', own);
    }
    return replica;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.primaries, ...this.#replicas].map((server) => server.stop()));
  }

  async #meet(server: RedisServer): Promise<void> {
    const busPort = String(await server.command('CONFIG', 'GET', 'cluster-port')).split(',')[1];
    await this.#first.command('CLUSTER', 'MEET', '127.0.0.1', server.port, Number(busPort));
  }
}

/** Starts one that nobody else uses. */
export async function startRedisCluster(): Promise<RedisClusterServers | Missing> {
  const found = findRedis();
  if (typeof found !== 'string') return found;
  const primaries: RedisServer[] = [];
  for (let n = 0; n < PRIMARIES; n += 1) {
    // oxlint-disable-next-line no-await-in-loop -- the others have the password of the first
    primaries.push(orThrow(await startMember(primaries[0])));
  }
  const cluster = new RedisClusterServers(primaries);
  try {
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function startMember(sibling: RedisServer | undefined): Promise<RedisServer | Missing> {
  const config = {
    'cluster-enabled': 'yes',
    'cluster-config-file': 'nodes.conf',
    'cluster-node-timeout': '1000',
    'cluster-port': String(await lastingPort()),
  };
  const server = await startRedis({ config, ...(sibling ? { sibling } : {}) });
  // What it becomes a replica of wants it.
  if (!('missing' in server)) await server.configure('masterauth', server.password);
  return server;
}

function orThrow(server: RedisServer | Missing): RedisServer {
  if ('missing' in server) throw new Error(server.missing);
  return server;
}

/** Resolves when what `CLUSTER …` says looks like this. */
async function until(server: RedisServer, what: string, looks: RegExp): Promise<void> {
  const deadline = performance.now() + FORMED_MS;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- asked again until it is so
    const answer = String(await server.command('CLUSTER', what));
    if (looks.test(answer)) return;
    if (performance.now() > deadline) throw new Error(`The cluster is not formed:\n${answer}`);
    // oxlint-disable-next-line no-await-in-loop -- see above
    await delay(50);
  }
}
