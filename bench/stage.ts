import { Child } from '../test/lab/child.ts';
import { type Busy, busyNow, othersSince } from './busy.ts';
import type { Arrival } from './load/crowd.ts';
import type { PeerEntry } from './peers.ts';
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
}

/** CPU by process, at one moment. */
export interface Clock {
  readonly at: number;
  readonly serverCpuMs: number;
  readonly loadCpuMs: number;
  readonly busy: Busy | null;
}

/** What was used between two moments. */
export interface Used {
  readonly ms: number;
  readonly serverCpuMs: number;
  /** Cores that the load used: near 1, it is the load that is measured. */
  readonly loadCores: number;
  /** Cores that processes outside the benchmark used; `null` where that cannot be known. */
  readonly otherCores: number | null;
}

/** How processes are started. */
export interface StageOptions {
  readonly peer: PeerEntry;
  readonly setup: ServerSetup;
}

const file = (path: string) => new URL(path, import.meta.url).href;

/** One server on its core, and the load on the other. */
export class Stage {
  readonly peer: PeerEntry;
  readonly server: Child;
  readonly load: Child;
  readonly doors: Doors;
  readonly #loads: Child[] = [];

  private constructor(peer: PeerEntry, server: Child, doors: Doors) {
    this.peer = peer;
    this.server = server;
    this.doors = doors;
    this.load = this.newLoad();
  }

  static async start({ peer, setup }: StageOptions): Promise<Stage> {
    const program = peer.program();
    if ('problem' in program) throw new Error(program.problem);
    const server = new Child(file(`servers/${peer.file}`), peer.core, program.command);
    const doors = await server.ask<Doors>('listen', setup);
    return new Stage(peer, server, doors);
  }

  /** One more load process: for scenarios with two kinds of clients. */
  newLoad(): Child {
    const load = new Child(file('load/main.ts'), 'others', [process.execPath]);
    this.#loads.push(load);
    return load;
  }

  /** Lets an audience in. */
  async open(
    { connections, rooms, tenant = TENANT }: Audience,
    load: Child = this.load,
  ): Promise<Arrival> {
    const { protocol } = this.peer;
    return await load.ask<Arrival>('open', { ...this.doors, protocol, connections, rooms, tenant });
  }

  async publish(command: PublishCommand): Promise<void> {
    await this.server.ask('publish', command);
  }

  async clock(): Promise<Clock> {
    const processes = [this.server, ...this.#loads];
    const cpuMs = await Promise.all(processes.map((child) => child.ask<number>('cpuMs')));
    const [serverCpuMs = 0, ...loads] = cpuMs;
    const loadCpuMs = loads.reduce((sum, ms) => sum + ms, 0);
    return { at: performance.now(), serverCpuMs, loadCpuMs, busy: busyNow() };
  }

  async since(before: Clock): Promise<Used> {
    const now = await this.clock();
    const ms = now.at - before.at;
    const serverCpuMs = now.serverCpuMs - before.serverCpuMs;
    const loadCpuMs = now.loadCpuMs - before.loadCpuMs;
    return {
      ms,
      serverCpuMs,
      loadCores: loadCpuMs / ms,
      otherCores: othersSince(before.busy, now.busy, { ms, ownCpuMs: serverCpuMs + loadCpuMs }),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loads.map((load) => load.kill()));
    await this.server.release();
  }
}
