import type { Frame } from '../../packages/server/test/model/ledger.ts';
import { Child, type Core } from '../lab/child.ts';
import type { Audience, LastWord } from './audience.ts';
import type { CompactLedgers } from './compact-ledger.ts';
import type { CrowdOptions } from './crowd-child.ts';
import { Histogram } from './histogram.ts';
import type { Counted } from './recorder.ts';
import type { Wards } from './wards.ts';

/** More do not fit into a process without its stalls being measured as the server's. */
const MOST_PER_PROCESS = 3_000;

/** What a crowd was told, all in all. */
export interface CrowdTotals {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly recovered: number;
  readonly gaps: number;
  readonly deliveries: number;
  readonly latencies: Histogram;
  readonly recoveries: Histogram;
  readonly foreign: readonly Frame[];
}

/** Many clients, in as many processes as they need. */
export class Crowd implements Audience {
  readonly size: number;
  readonly #children: readonly Child[];
  #counted: Counted[] = [];

  /** Opens one; resolves when all of them are in all their channels. */
  static async open(options: CrowdOptions, core: Core, wards: Wards): Promise<Crowd> {
    const processes = Math.ceil(options.count / MOST_PER_PROCESS);
    const children = Array.from({ length: processes }, () =>
      wards.watch(new Child('../faults/crowd-child.ts', core)),
    );
    const crowd = new Crowd(options.count, children);
    try {
      await Promise.all(
        crowd.#children.map(async (child, index) => {
          await child.ask('open', partOf(options, index, processes));
        }),
      );
      return crowd;
    } catch (error) {
      await crowd.kill();
      throw error;
    }
  }

  private constructor(size: number, children: readonly Child[]) {
    this.size = size;
    this.#children = children;
  }

  get pids(): readonly number[] {
    return this.#children.map(({ pid }) => pid);
  }

  async there(): Promise<number> {
    return sum(await this.#askAll<number>('there'));
  }

  async behind(lastWords: Readonly<Record<string, LastWord>>): Promise<number> {
    return sum(await this.#askAll<number>('behind', lastWords));
  }

  /** What was counted since the last look; `totals` has it all the same. */
  async look(): Promise<CrowdTotals> {
    const counted = await this.#askAll<Counted>('look');
    this.#counted.push(...counted);
    return addUp(counted);
  }

  /** What was counted since the beginning. */
  async totals(): Promise<CrowdTotals> {
    await this.look();
    return addUp(this.#counted);
  }

  /** Everything that each was told, as the processes have it. */
  async ledgers(): Promise<CompactLedgers[]> {
    return await this.#askAll('ledgers');
  }

  /** From now on they come back there. */
  async move(urls: readonly string[]): Promise<void> {
    await this.#askAll('move', { urls });
  }

  /** These raw clients, of the first process, lose their connections. */
  async cut(from: number, count: number): Promise<void> {
    await this.#children[0]?.ask('cut', { from, count });
  }

  /** These raw clients, of the first process, read no more. */
  async pause(from: number, count: number): Promise<void> {
    await this.#children[0]?.ask('pause', { from, count });
  }

  async resume(from: number, count: number): Promise<void> {
    await this.#children[0]?.ask('resume', { from, count });
  }

  /** SIGSTOP to all of them. */
  freeze(): void {
    for (const child of this.#children) child.signal('SIGSTOP');
  }

  /** SIGCONT to all of them. */
  thaw(): void {
    for (const child of this.#children) child.signal('SIGCONT');
  }

  /** All of them leave, for good. */
  async leave(): Promise<void> {
    await this.#askAll('leave');
  }

  async kill(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.kill()));
  }

  async #askAll<T>(question: string, options: unknown = {}): Promise<T[]> {
    return await Promise.all(this.#children.map((child) => child.ask<T>(question, options)));
  }
}

// Each part begins where the one before has ended, and keeps the turns of tenants, rooms and urls.
function partOf(options: CrowdOptions, index: number, processes: number): CrowdOptions {
  const { tenantIds, rooms = [[]], urls, first = 0, perSecond = 500 } = options;
  const turn = tenantIds.length * rooms.length * urls.length;
  const each = Math.ceil(options.count / processes / turn) * turn;
  const count = Math.max(0, Math.min(each, options.count - index * each));
  return { ...options, count, first: first + index * each, perSecond: perSecond / processes };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Several looks, or crowds, together. */
export function addUp(all: readonly (Counted | CrowdTotals)[]): CrowdTotals {
  const outcomes: Record<string, number> = {};
  for (const [what, count] of all.flatMap((each) => Object.entries(each.outcomes))) {
    outcomes[what] = (outcomes[what] ?? 0) + count;
  }
  const dataOf = (histogram: Histogram | Counted['latencies']) =>
    histogram instanceof Histogram ? histogram.data : histogram;
  return {
    outcomes,
    recovered: sum(all.map(({ recovered }) => recovered)),
    gaps: sum(all.map(({ gaps }) => gaps)),
    deliveries: sum(all.map(({ deliveries }) => deliveries)),
    latencies: Histogram.of(all.map(({ latencies }) => dataOf(latencies))),
    recoveries: Histogram.of(all.map(({ recoveries }) => dataOf(recoveries))),
    foreign: all.flatMap(({ foreign }) => foreign),
  };
}
