import { Child } from '../lab/child.ts';
import type { Audience, LastWord } from './audience.ts';
import type { CompactLedgers } from './compact-ledger.ts';
import { addUp, type CrowdTotals } from './crowd.ts';
import type { Races } from './racer.ts';
import type { RacersOptions } from './racers-child.ts';
import type { Counted } from './recorder.ts';

/** Clients that enter and leave rooms as fast as they can, in a process of their own. */
export class Racers implements Audience {
  readonly size: number;
  readonly #options: RacersOptions;
  readonly #child = new Child('../faults/racers-child.ts', 'any');
  readonly #counted: Counted[] = [];

  constructor(options: RacersOptions) {
    this.size = options.count;
    this.#options = options;
  }

  /** Resolves when each has raced enough, and stays where it is. */
  async race(): Promise<Races> {
    return await this.#child.ask('race', this.#options);
  }

  async there(): Promise<number> {
    return await this.#child.ask('there');
  }

  async behind(lastWords: Readonly<Record<string, LastWord>>): Promise<number> {
    return await this.#child.ask('behind', lastWords);
  }

  async totals(): Promise<CrowdTotals> {
    this.#counted.push(await this.#child.ask('look'));
    return addUp(this.#counted);
  }

  async ledgers(): Promise<CompactLedgers[]> {
    return [await this.#child.ask('ledgers')];
  }

  async leave(): Promise<void> {
    await this.#child.ask('leave');
  }

  async kill(): Promise<void> {
    await this.#child.kill();
  }
}
