import { Child } from '../test/lab/child.ts';
import { type Busy, busyNow, othersSince } from './busy.ts';
import type { Arrival } from './load/crowd.ts';
import type { PeerEntry } from './peers.ts';
import { type RedisClock, type RedisUsed, redisUsed, StageRedis } from './redis.ts';
import type { PublishCommand } from './servers/control.ts';
import type { Doors, ServerSetup } from './servers/peer.ts';

/** The tenant of everybody, where a scenario does not say otherwise. */
export const TENANT = 'acme';

/** Who connects before anything is measured. */
export interface Audience {
  readonly connections: number;
  /** Rooms that they are spread over; 0: each hears only what its user is sent. */
  readonly rooms: number;
  readonly tenant?: string;
  /** So many connections to each node. Default: spread over all of them. */
  readonly isPerNode?: boolean;
  /** They will be cut, and come back for what they missed. */
  readonly comesBack?: boolean;
  /** The nodes may use every core: while they work, the load does not. */
  readonly hasAllCores?: boolean;
}

/** CPU by process, at one moment. */
export interface Clock {
  readonly at: number;
  readonly nodeCpuMs: readonly number[];
  readonly loadCpuMs: number;
  readonly redis: RedisClock | null;
  readonly busy: Busy | null;
}

/** What was used between two moments. */
export interface Used {
  readonly ms: number;
  /** Of all nodes together. */
  readonly serverCpuMs: number;
  readonly nodeCpuMs: readonly number[];
  /** What the nodes share, where there are many. */
  readonly redis: RedisUsed | null;
  /** Cores that the load used: near 1, it is the load that is measured. */
  readonly loadCores: number;
  /** Cores that processes outside the benchmark used; `null` where that cannot be known. */
  readonly otherCores: number | null;
}

/** How processes are started. */
export interface StageOptions {
  readonly peer: PeerEntry;
  readonly setup: ServerSetup;
  /** Nodes and Redis run where the system puts them. Default: each where its peer says. */
  readonly hasAllCores?: boolean;
}

const file = (path: string) => new URL(path, import.meta.url).href;

/** One peer, which is one server or several nodes with a Redis between them, and its load. */
export class Stage {
  readonly peer: PeerEntry;
  /** Its nodes; most peers are one server. */
  readonly servers: readonly Child[];
  readonly load: Child;
  /** Where each node is reached. */
  readonly doors: readonly Doors[];
  readonly redis: StageRedis | null;
  readonly #loads: Child[] = [];

  private constructor(
    peer: PeerEntry,
    servers: readonly Child[],
    doors: readonly Doors[],
    redis: StageRedis | null,
  ) {
    this.peer = peer;
    this.servers = servers;
    this.doors = doors;
    this.redis = redis;
    this.load = this.newLoad();
  }

  static async start({ peer, setup, hasAllCores = false }: StageOptions): Promise<Stage> {
    const program = peer.program();
    if ('problem' in program) throw new Error(program.problem);
    const redis = peer.isOnRedis ? await StageRedis.start(hasAllCores ? 'any' : 'others') : null;
    const core = hasAllCores ? 'any' : peer.core;
    const servers = Array.from(
      { length: peer.nodes },
      () => new Child(file(`servers/${peer.file}`), core, program.command),
    );
    const whole: ServerSetup = redis ? { ...setup, redisUrl: redis.url } : setup;
    const doors = await Promise.all(servers.map((server) => server.ask<Doors>('listen', whole)));
    return new Stage(peer, servers, doors, redis);
  }

  /** Its first node; most peers have no other. */
  get server(): Child {
    const [first] = this.servers;
    if (!first) throw new Error(`${this.peer.name} has no node`);
    return first;
  }

  /** One more load process: for scenarios with two kinds of clients. */
  newLoad(): Child {
    const load = new Child(file('load/main.ts'), 'others', [process.execPath]);
    this.#loads.push(load);
    return load;
  }

  /** Lets an audience in, a part of it to each node. */
  async open(
    { connections, tenant = TENANT, isPerNode = false, ...more }: Audience,
    load: Child = this.load,
  ): Promise<Arrival> {
    const { protocol } = this.peer;
    let ms = 0;
    let left = isPerNode ? connections * this.doors.length : connections;
    for (const [index, doors] of this.doors.entries()) {
      const share = Math.ceil(left / (this.doors.length - index));
      left -= share;
      const crowd = { ...more, ...doors, protocol, connections: share, tenant };
      // oxlint-disable-next-line no-await-in-loop -- one node after the other
      ms += (await load.ask<Arrival>('open', crowd)).ms;
    }
    return { ms };
  }

  async publish(command: PublishCommand): Promise<void> {
    await this.server.ask('publish', command);
  }

  async clock(): Promise<Clock> {
    const cpuOf = async (children: readonly Child[]) =>
      await Promise.all(children.map((child) => child.ask<number>('cpuMs')));
    const [nodeCpuMs, loadsCpuMs, redis] = await Promise.all([
      cpuOf(this.servers),
      cpuOf(this.#loads),
      this.redis?.clock() ?? null,
    ]);
    const loadCpuMs = sum(loadsCpuMs);
    return { at: performance.now(), nodeCpuMs, loadCpuMs, redis, busy: busyNow() };
  }

  async since(before: Clock): Promise<Used> {
    const now = await this.clock();
    const ms = now.at - before.at;
    const nodeCpuMs = now.nodeCpuMs.map((cpuMs, index) => cpuMs - (before.nodeCpuMs[index] ?? 0));
    const serverCpuMs = sum(nodeCpuMs);
    const loadCpuMs = now.loadCpuMs - before.loadCpuMs;
    const redis = now.redis && before.redis && redisUsed(before.redis, now.redis);
    const ownCpuMs = serverCpuMs + loadCpuMs + (redis?.cpuMs ?? 0);
    return {
      ms,
      serverCpuMs,
      nodeCpuMs,
      redis,
      loadCores: loadCpuMs / ms,
      otherCores: othersSince(before.busy, now.busy, { ms, ownCpuMs }),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.kill()));
    await Promise.all(this.servers.map((server) => server.release()));
    await this.redis?.stop();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
