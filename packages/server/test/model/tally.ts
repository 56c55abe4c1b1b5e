import type { NodeStats } from '@trunkline/server';
import type { Outcome } from './play.ts';

/** How much happened in all runs together. */
export class Tally {
  readonly #startedAt = performance.now();
  readonly #closed = new Counts();
  readonly #errors = new Counts();
  readonly #limits = new Counts();
  readonly #counts = new Counts();
  runs = 0;
  published = 0;
  deliveries = 0;
  /** Of these, volatile ones. */
  volatiles = 0;
  recoveries = 0;
  gaps = 0;

  add({ history, stats }: Outcome): void {
    this.runs += 1;
    this.published += history.published.length;
    const volatiles = new Set(
      history.published.filter(({ isVolatile }) => isVolatile).map(({ id }) => id),
    );
    for (const told of history.readers.flatMap((reader) => reader.told)) {
      if (told.kind === 'delivered') {
        this.deliveries += 1;
        if (volatiles.has(told.id)) this.volatiles += 1;
      } else if (told.kind === 'subscribed' && told.recovered) this.recoveries += 1;
      else if (told.kind === 'subscribed' && told.wasRecovering) this.gaps += 1;
    }
    this.#closed.add(stats.disconnects);
    this.#errors.add(stats.errors);
    this.#limits.add(stats.limits);
    this.#counts.add(stats.counts);
  }

  /** How many sessions the server closed with this code. */
  closed(code: number): number {
    return this.#closed.get(String(code));
  }

  /** How many commands it answered with this error. */
  refused(code: number): number {
    return this.#errors.get(String(code));
  }

  /** How often this limit was exceeded. */
  exceeded(limit: keyof NodeStats['limits']): number {
    return this.#limits.get(limit);
  }

  counted(name: keyof NodeStats['counts']): number {
    return this.#counts.get(name);
  }

  inWords(): string {
    const { runs, published, deliveries, volatiles, recoveries, gaps } = this;
    const perSecond = runs / ((performance.now() - this.#startedAt) / 1_000);
    return [
      `${runs} runs (${perSecond.toFixed(0)}/s), ${published} published`,
      `${deliveries} deliveries checked (${volatiles} volatile), ${recoveries} recoveries, ${gaps} gaps`,
      `${this.counted('conflated')} conflated, ${this.counted('insufficientStates')} lost places`,
      `closed ${this.#closed.inWords()}`,
      `errors ${this.#errors.inWords()}`,
      `exceeded ${this.#limits.inWords()}`,
    ].join('; ');
  }
}

/** Numbers by name. */
class Counts {
  readonly #byName = new Map<string, number>();

  add(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) {
      if (count > 0) this.#byName.set(name, this.get(name) + count);
    }
  }

  get(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  inWords(): string {
    return [...this.#byName].map(([name, count]) => `${name}×${count}`).join(' ');
  }
}
