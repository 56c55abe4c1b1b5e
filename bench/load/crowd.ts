import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './connection.ts';
import { type ProtocolName, protocolOf } from './protocol.ts';

/** Who connects. */
export interface CrowdOptions {
  readonly port: number;
  readonly protocol: ProtocolName;
  readonly connections: number;
  readonly tenant: string;
  /** The n-th goes to room `r{n % rooms}`; 0: to none, it hears what its user `u{n}` is sent. */
  readonly rooms: number;
  /** They will be cut, and come back for what they missed: so they note where they stand. */
  readonly comesBack?: boolean;
}

/** How their coming went. */
export interface Arrival {
  /** Until all had joined. */
  readonly ms: number;
}

/** How many are on their way at once. */
const CONCURRENCY = 100;
/** What a stock client waits before it comes back, and as much again at random. */
const RETURN_MS = 500;
/** Nothing may take longer without any progress. */
const PATIENCE_MS = 30_000;

/** All connections of one load process, and what they have heard together. */
export class Crowd {
  readonly connections: Connection[] = [];
  deliveries = 0;
  /** Called with each event that is heard: its number, and its stream's. */
  onHeard: ((n: number, stream: number) => void) | null = null;
  /** They are thrown out and miss events, and come back: no problem. */
  isTolerant = false;
  readonly #problems = new Map<string, number>();
  #target = Number.POSITIVE_INFINITY;
  #onTarget: () => void = () => {};
  #port = 0;
  #waiting = 0;
  #onJoined: () => void = () => {};

  /** Lets more of them in; resolves when all have joined. */
  async open(options: CrowdOptions): Promise<Arrival> {
    const { port, protocol, connections, tenant, rooms, comesBack = false } = options;
    this.#port = port;
    const begin = this.connections.length;
    for (let index = begin; index < begin + connections; index += 1) {
      const stream = rooms > 0 ? index % rooms : index;
      const token = `${tenant}/u${index}/${rooms > 0 ? `r${stream}` : ''}`;
      const connection = new Connection(this, protocolOf(protocol), token);
      connection.stream = stream;
      connection.comesBack = comesBack;
      this.connections.push(connection);
    }
    return await this.letIn(this.connections.slice(begin), CONCURRENCY);
  }

  /** All connections are lost at once. */
  cut(): void {
    for (const connection of this.connections) connection.cut();
  }

  /** Reads nothing: what comes costs this process nothing until it is read. */
  pause(): void {
    for (const connection of this.connections) connection.pause();
  }

  /** Reads again; resolves when so many events have been heard that had come meanwhile. */
  async resume(deliveries: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.onceHeard(deliveries, resolve);
    for (const connection of this.connections) connection.resume();
    await this.unlessStuck(promise);
    this.check();
  }

  /** Says goodbye to them. */
  leave(): void {
    this.cut();
    this.connections.length = 0;
  }

  /** Calls back when so many events have been heard since the last target. */
  onceHeard(more: number, onTarget: () => void): void {
    this.#onTarget = onTarget;
    this.#target = this.deliveries + more;
  }

  heard(n: number, stream: number): void {
    this.deliveries += 1;
    this.onHeard?.(n, stream);
  }

  /** What had come is read. */
  caughtUp(): void {
    if (this.deliveries < this.#target) return;
    if (this.deliveries > this.#target) this.problem('heard more than was sent');
    this.#target = Number.POSITIVE_INFINITY;
    this.#onTarget();
  }

  joined(): void {
    this.#onJoined();
  }

  /** The connection has ended, and not by its own wish. */
  lost(connection: Connection, why: string): void {
    if (!this.isTolerant) return this.problem(why);
    setTimeout(() => connection.open(this.#port), RETURN_MS * (1 + Math.random()));
  }

  /** Something that must not happen; the run fails at its end. */
  problem(what: string): void {
    if (this.isTolerant) return;
    this.#problems.set(what, (this.#problems.get(what) ?? 0) + 1);
  }

  /** Throws if anything has happened that must not. */
  check(): void {
    if (this.#problems.size === 0) return;
    const problems = [...this.#problems].map(([what, times]) => `${what} (${times} times)`);
    this.#problems.clear();
    throw new Error(`The load met ${problems.join(', ')}`);
  }

  /** Opens them, so many at once; resolves when all have joined. */
  async letIn(newcomers: readonly Connection[], concurrency: number): Promise<Arrival> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const queue = newcomers.values();
    const next = () => queue.next().value?.open(this.#port);
    this.#waiting = newcomers.length;
    this.#onJoined = () => {
      this.#waiting -= 1;
      if (this.#waiting === 0) resolve();
      else next();
    };
    const begin = performance.now();
    for (let count = 0; count < concurrency; count += 1) next();
    await this.unlessStuck(promise);
    this.check();
    return { ms: performance.now() - begin };
  }

  /** Waits for work of theirs as long as it goes on. */
  async unlessStuck(work: Promise<void>): Promise<void> {
    const ended = work.then(() => true);
    const progress = () => this.deliveries - this.#waiting;
    let before = progress();
    // oxlint-disable-next-line no-await-in-loop -- it looks again and again
    while (!(await Promise.race([ended, sleep(PATIENCE_MS, false, { ref: false })]))) {
      if (progress() === before) return this.#stuck();
      before = progress();
    }
  }

  #stuck(): never {
    this.check();
    const seconds = PATIENCE_MS / 1_000;
    throw new Error(
      `Nothing has come for ${seconds} s: ${this.#target - this.deliveries} are missing`,
    );
  }
}
