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
  readonly isTimed?: boolean;
}

/** Publishes at a steady rate to the first streams, in turns. */
export interface PaceOptions extends StreamOptions {
  readonly perSecond: number;
  /** How many. Default 1. */
  readonly streams?: number;
  /** Notes in the node how long each receipt takes. */
  readonly isTimed?: boolean;
}

/** What was published and heard. */
export interface Traffic {
  readonly ms: number;
  readonly publications: number;
  readonly deliveries: number;
}

/** Tells the nodes what to publish, and waits for it with its crowd. */
export class Publisher {
  readonly #crowd: Crowd;
  /** One for each node. */
  readonly #controls: Socket[] = [];

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
  }

  /** From here on this node publishes, too. */
  add(control: Socket): void {
    this.#controls.push(control);
  }

  async loop(options: LoopOptions): Promise<Traffic> {
    const { streams, members, perCommand, events, ms, ...more } = options;
    const perTurn = perCommand * events * members;
    const begin = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    let turns = 0;
    const next = () => {
      if (performance.now() - begin >= ms) return resolve();
      const first = (turns * perCommand) % streams;
      turns += 1;
      this.#crowd.onceHeard(perTurn, next);
      this.#publish({ ...more, first, count: perCommand, events });
    };
    const before = this.#crowd.deliveries;
    next();
    await this.#crowd.unlessStuck(promise);
    return this.#traffic({ begin, before, publications: turns * perCommand * events, members });
  }

  async pace(options: PaceOptions): Promise<Latency & Traffic> {
    const { members, perSecond, ms, streams = 1, ...more } = options;
    const crowd = this.#crowd;
    const latencies = new Latencies(crowd, { streams, members });
    const publications = Math.round((ms / 1_000) * perSecond);
    const before = crowd.deliveries;
    const begin = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    crowd.onceHeard(publications * members, resolve);
    await steadily(publications, perSecond, (done) => {
      const first = done % streams;
      latencies.sent(first);
      this.#publish({ ...more, first, count: 1, events: 1 });
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

  /** A stream is always the same node's: events of two of them would have no order. */
  #publish(command: PublishCommand): void {
    const { length } = this.#controls;
    if (length === 1) return this.#write(0, command);
    const { first, count } = command;
    for (let stream = first; stream < first + count; stream += 1) {
      this.#write(stream % length, { ...command, first: stream, count: 1 });
    }
  }

  #write(node: number, command: PublishCommand): void {
    this.#controls[node]?.write(`${JSON.stringify(command)}\n`);
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
async function steadily(
  times: number,
  perSecond: number,
  work: (done: number) => void,
): Promise<void> {
  const begin = performance.now();
  for (let done = 0; done < times; done += 1) {
    const waitMs = begin + (done * 1_000) / perSecond - performance.now();
    // oxlint-disable-next-line no-await-in-loop -- at a steady rate
    if (waitMs > 0) await sleep(waitMs);
    work(done);
  }
}
