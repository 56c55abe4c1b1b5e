import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PublishCommand } from '../servers/control.ts';
import type { Crowd } from './crowd.ts';
import { Latencies, type Latency } from './latencies.ts';

interface StreamOptions {
  readonly tenant: string;
  readonly to: PublishCommand['to'];
  /** Connections that hear each stream. */
  readonly members: number;
  readonly ms: number;
}

/** Publishes and hears, one command after the other: the next when all of the last has come. */
export interface LoopOptions extends StreamOptions {
  readonly streams: number;
  /** Streams that one command publishes to, in the same turn of the server. */
  readonly perCommand: number;
  readonly events: number;
  readonly isAwaited?: boolean;
}

/** Publishes at a steady rate to the first stream. */
export interface PaceOptions extends StreamOptions {
  readonly perSecond: number;
}

/** What was published and heard. */
export interface Traffic {
  readonly ms: number;
  readonly publications: number;
  readonly deliveries: number;
}

/** Tells the server what to publish, and waits for it with its crowd. */
export class Publisher {
  readonly #crowd: Crowd;
  readonly #control: Socket;

  constructor(crowd: Crowd, control: Socket) {
    this.#crowd = crowd;
    this.#control = control;
  }

  async loop(options: LoopOptions): Promise<Traffic> {
    const { tenant, to, streams, members, perCommand, events, ms, isAwaited } = options;
    const awaited = isAwaited ? { isAwaited } : {};
    const perTurn = perCommand * events * members;
    const begin = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    let turns = 0;
    const next = () => {
      if (performance.now() - begin >= ms) return resolve();
      const first = (turns * perCommand) % streams;
      turns += 1;
      this.#crowd.onceHeard(perTurn, next);
      this.#publish({ tenant, to, first, count: perCommand, events, ...awaited });
    };
    const before = this.#crowd.deliveries;
    next();
    await this.#crowd.unlessStuck(promise);
    return this.#traffic({ begin, before, publications: turns * perCommand * events, members });
  }

  async pace({ tenant, to, members, perSecond, ms }: PaceOptions): Promise<Latency & Traffic> {
    const crowd = this.#crowd;
    const latencies = new Latencies(crowd);
    const publications = Math.round((ms / 1_000) * perSecond);
    const before = crowd.deliveries;
    const begin = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    crowd.onceHeard(publications * members, resolve);
    await steadily(publications, perSecond, () => {
      latencies.sent();
      this.#publish({ tenant, to, first: 0, count: 1, events: 1 });
    });
    await crowd.unlessStuck(promise);
    return {
      ...this.#traffic({ begin, before, publications, members }),
      ...latencies.end(),
    };
  }

  /** Publishes as `pace` does, and waits for nothing. */
  async flood({ tenant, to, perSecond, ms }: PaceOptions): Promise<void> {
    await steadily((ms / 1_000) * perSecond, perSecond, () => {
      this.#publish({ tenant, to, first: 0, count: 1, events: 1 });
    });
  }

  #publish(command: PublishCommand): void {
    this.#control.write(`${JSON.stringify(command)}\n`);
  }

  /** Throws where not exactly what was published has been heard. */
  #traffic(of: { begin: number; before: number; publications: number; members: number }): Traffic {
    const { begin, before, publications, members } = of;
    const ms = performance.now() - begin;
    const deliveries = this.#crowd.deliveries - before;
    this.#crowd.check();
    if (deliveries !== publications * members) {
      throw new Error(`${publications * members} deliveries were due, ${deliveries} have come`);
    }
    return { ms, publications, deliveries };
  }
}

/** Does something so many times a second; what it is late for it does at once. */
async function steadily(times: number, perSecond: number, work: () => void): Promise<void> {
  const begin = performance.now();
  for (let done = 0; done < times; done += 1) {
    const waitMs = begin + (done * 1_000) / perSecond - performance.now();
    // oxlint-disable-next-line no-await-in-loop -- at a steady rate
    if (waitMs > 0) await sleep(waitMs);
    work();
  }
}
