import type { Position, Published } from './ledger.ts';

const ranks = { accepted: 2, unknown: 1, rejected: 0 } as const;

/** What was published, by id, by place and by channel. */
export class PublishedIndex {
  readonly #byId = new Map<string, Published>();
  readonly #byChannel: ReadonlyMap<string, readonly Published[]>;
  /** By channel and epoch, then by offset: more than one only where a promise was broken. */
  readonly #stored = new Map<string, Map<number, Published[]>>();
  readonly #turns = new Map<string, number>();
  readonly #lasts = new Map<string, Published | undefined>();
  readonly #unknown = new Map<string, readonly Published[]>();

  constructor(published: readonly Published[]) {
    this.#byChannel = Map.groupBy(published, ({ channel }) => channel);
    for (const [turn, each] of published.entries()) {
      // The first call has its turn; of all calls under one id the best outcome is what came of it.
      if (!this.#turns.has(each.id)) this.#turns.set(each.id, turn);
      const known = this.#byId.get(each.id);
      if (!known || ranks[each.outcome] > ranks[known.outcome]) this.#byId.set(each.id, each);
      if (each.position) this.#store(each, each.position);
    }
  }

  find(id: string): Published | undefined {
    return this.#byId.get(id);
  }

  at(channel: string, { epoch, offset }: Position): Published | undefined {
    return this.#stored.get(lifeOf(channel, epoch))?.get(offset)?.at(-1);
  }

  of(channel: string): readonly Published[] {
    return this.#byChannel.get(channel) ?? [];
  }

  /** What is known to be at the places after `from`, up to `to`, in their order. */
  *between(channel: string, from: Position, to: number): Generator<Published> {
    const stored = this.#stored.get(lifeOf(channel, from.epoch));
    if (!stored) return;
    for (let offset = from.offset + 1; offset <= to; offset += 1) yield* stored.get(offset) ?? [];
  }

  /** The channel's last that was accepted and is not volatile, in the order of the calls. */
  lastOf(channel: string): Published | undefined {
    if (!this.#lasts.has(channel)) this.#lasts.set(channel, this.#findLast(channel));
    return this.#lasts.get(channel);
  }

  /** Those of which it is not known whether they have a place. */
  unknownOf(channel: string): readonly Published[] {
    const known = this.#unknown.get(channel);
    if (known) return known;
    const unknown = this.of(channel).filter(
      ({ outcome, isVolatile }) => outcome === 'unknown' && !isVolatile,
    );
    this.#unknown.set(channel, unknown);
    return unknown;
  }

  isVolatile(id: string): boolean {
    return this.find(id)?.isVolatile ?? false;
  }

  /** Its number in the order of the calls; -1 for what nobody published. */
  turnOf(id: string): number {
    return this.#turns.get(id) ?? -1;
  }

  #store(each: Published, { epoch, offset }: Position): void {
    const life = lifeOf(each.channel, epoch);
    const stored = this.#stored.get(life) ?? new Map<number, Published[]>();
    this.#stored.set(life, stored.set(offset, [...(stored.get(offset) ?? []), each]));
  }

  #findLast(channel: string): Published | undefined {
    const last = this.of(channel).findLast(
      ({ id, isVolatile, isRepeat }) =>
        !isVolatile && !isRepeat && this.find(id)?.outcome === 'accepted',
    );
    return last && this.find(last.id);
  }
}

function lifeOf(channel: string, epoch: string): string {
  return `${channel} ${epoch}`;
}
