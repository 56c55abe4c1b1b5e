import { randomUUID } from 'node:crypto';
import type { Core } from '../lab/child.ts';
import { type RedisOptions, startRedis } from '../services/redis.ts';
import type { RedisServer } from '../services/redis-server.ts';
import { TemporaryFolder } from '../services/temporary-folder.ts';
import type { Audience } from './audience.ts';
import { Crowd } from './crowd.ts';
import type { CrowdOptions } from './crowd-child.ts';
import { LabNode, type RedisCables } from './lab-node.ts';
import { NodeProcess } from './node-process.ts';
import type { EngineSetup, NodeSetup } from './node-setup.ts';
import { type Cable, type ProxyOptions, startProxy } from './proxy.ts';
import type { PublishOrder } from './publisher.ts';
import { RemoteProxies } from './remote-proxies.ts';
import { type Baseline, baselineOf } from './resources.ts';
import { Wards } from './wards.ts';

/** What a lab is made of; what is left out of the nodes' setup is as by default. */
export interface LabInit
  extends Pick<
    NodeSetup,
    'limits' | 'tenants' | 'drain' | 'trustedProxies' | 'authenticateMs' | 'app' | 'fault'
  > {
  readonly seed: number;
  /** How many nodes. Default 2; on memory it is 1. */
  readonly nodes?: number;
  /** Default `redis`. */
  readonly engine?: EngineSetup['kind'];
  /** Options of `redisBroker`, as they are. */
  readonly engineOptions?: Readonly<Record<string, unknown>>;
  readonly redis?: RedisOptions;
  /** Are the proxies in a process of their own, because much goes through them? Default `false`. */
  readonly hasRemoteProxies?: boolean;
  /** Where the nodes run; `server`: on a core of their own, and all others on the others. Default `any`. */
  readonly core?: Core;
}

/** What a lab publishes steadily. */
export interface LabLoad {
  readonly to: readonly PublishOrder[];
  /** Of all nodes together. */
  readonly perSecond: number;
}

/** A program that is needed is not on this machine; the message says which, and what to do. */
export class MissingServerError extends Error {
  override readonly name = 'MissingServerError';
}

/** Nodes, what they share, the cables in between, and their clients. */
export class Lab {
  readonly init: LabInit;
  readonly nodes: LabNode[] = [];
  readonly crowds: Audience[] = [];
  readonly #folder: TemporaryFolder;
  readonly #redis: RedisServer | null;
  readonly #proxies: RemoteProxies | null;
  readonly #wards: Wards;
  readonly #prefix = `lab-${randomUUID().slice(0, 8)}`;
  readonly #cables: Cable[] = [];
  #baseline: Baseline | null = null;

  /** Starts everything; rejects with `MissingServerError` where there is no Redis. */
  static async open(init: LabInit): Promise<Lab> {
    const { engine = 'redis', redis: options, hasRemoteProxies, core } = init;
    const redis = engine === 'redis' ? await startRedis(options) : null;
    if (redis && 'missing' in redis) throw new MissingServerError(redis.missing);
    const folder = await TemporaryFolder.make('faults');
    const lab = new Lab(init, {
      folder,
      redis,
      proxies: hasRemoteProxies ? new RemoteProxies(besides(core)) : null,
    });
    try {
      await lab.#start();
      return lab;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  private constructor(
    init: LabInit,
    parts: { folder: TemporaryFolder; redis: RedisServer | null; proxies: RemoteProxies | null },
  ) {
    this.init = init;
    this.#folder = parts.folder;
    this.#wards = new Wards(parts.folder);
    this.#redis = parts.redis;
    this.#proxies = parts.proxies;
  }

  get redis(): RedisServer {
    if (!this.#redis) throw new Error('This lab is on memory: there is no Redis');
    return this.#redis;
  }

  /** The Redis, where there is one. */
  get redisIfAny(): RedisServer | null {
    return this.#redis;
  }

  /** Where clients connect: to each node, through its cable. */
  get urls(): string[] {
    return this.nodes.map(({ url }) => url);
  }

  /** How much there was of everything when it had just been started. */
  get baseline(): Baseline {
    if (!this.#baseline) throw new Error('The lab is still being opened');
    return this.#baseline;
  }

  /** Clients that come to all nodes, unless told otherwise; resolves when they are in their channels. */
  async crowd(
    options: Omit<CrowdOptions, 'urls'> & { readonly urls?: readonly string[] },
  ): Promise<Crowd> {
    const first = this.crowds.reduce((sum, { size }) => sum + size, 0);
    const all = { urls: this.urls, first, seed: this.init.seed, ...options };
    const crowd = await Crowd.open(all, besides(this.init.core), this.#wards);
    this.crowds.push(crowd);
    return crowd;
  }

  /** All nodes publish, each its part. */
  async load({ to, perSecond }: LabLoad): Promise<void> {
    const each = perSecond / this.nodes.length;
    await Promise.all(this.nodes.map(({ process }) => process.load({ to, perSecond: each })));
  }

  /** Resolves when nothing is under way on any node that lives. */
  async stopLoad(): Promise<void> {
    const running = this.nodes.filter(({ process }) => process.isRunning);
    await Promise.all(running.map(({ process }) => process.stopLoad()));
  }

  /** A proxy before any server, closed with the lab. */
  async cable(targetPort: number): Promise<Cable> {
    const options: ProxyOptions = { targetPort, seed: this.init.seed + this.#cables.length };
    const cable = await (this.#proxies?.start(options) ?? startProxy(options));
    this.#cables.push(cable);
    return cable;
  }

  /** Adds one more node, set up as the others but for this. */
  async addNode(changes: Partial<NodeSetup> = {}): Promise<LabNode> {
    const { limits, tenants, drain, trustedProxies } = this.init;
    const { authenticateMs, app, fault, core = 'any' } = this.init;
    const redis = this.#redis && (await this.#redisCables(this.#redis));
    const process = await NodeProcess.start({
      name: `n${this.nodes.length}`,
      engine: this.#engine(redis),
      folder: this.#folder.path,
      core,
      wards: this.#wards,
      ...withoutUndefined({ limits, tenants, drain, trustedProxies, authenticateMs, app, fault }),
      ...changes,
    });
    const node = new LabNode(process, await this.cable(process.port), redis);
    this.nodes.push(node);
    return node;
  }

  /** Ends everything, in whatever state it is. */
  async close(): Promise<void> {
    await Promise.all([
      ...this.crowds.map((crowd) => crowd.kill()),
      ...this.nodes.map(({ process }) => process.kill9()),
    ]);
    await (this.#proxies?.kill() ?? Promise.all(this.#cables.map((cable) => cable.close())));
    await this.#redis?.stop();
    await this.#folder.remove();
  }

  async #start(): Promise<void> {
    const { nodes = this.#redis ? 2 : 1 } = this.init;
    // oxlint-disable-next-line no-await-in-loop -- their names are their order
    for (let n = 0; n < nodes; n += 1) await this.addNode();
    this.#baseline = await baselineOf(this);
  }

  async #redisCables({ port }: RedisServer): Promise<RedisCables> {
    return { commands: await this.cable(port), subscriptions: await this.cable(port) };
  }

  #engine(cables: RedisCables | null): EngineSetup {
    if (!this.#redis || !cables) return { kind: 'memory' };
    const { engineOptions: options = {} } = this.init;
    return {
      kind: 'redis',
      connection: this.#redis.urlBehind(cables.commands.port),
      subscriberConnection: this.#redis.urlBehind(cables.subscriptions.port),
      prefix: this.#prefix,
      options,
    };
  }
}

/** Where everything runs but the nodes. */
function besides(core: Core = 'any'): Core {
  return core === 'any' ? 'any' : 'others';
}

function withoutUndefined<T extends object>(
  options: T,
): { [Name in keyof T]: NonNullable<T[Name]> } {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [Name in keyof T]: NonNullable<T[Name]> };
}
