import type { Published } from '../../packages/server/test/model/ledger.ts';

/**
 * P1 for calls that are made again with their idempotency key: what failed comes where it was stored the first
 * time, if that is not known to have failed, or in the turn of one of its repetitions. Says which came elsewhere.
 */
export function retriesOutOfTurn(published: readonly Published[]): string[] {
  const publishers = Map.groupBy(published, ({ publisher = '' }) => publisher);
  return [...publishers].flatMap(([publisher, calls]) => {
    const lives = Map.groupBy(calls.filter(hasPlace), ({ channel, position }) =>
      [channel, position?.epoch].join(' '),
    );
    return [...lives.values()].flatMap((stored) => outOfTurn(publisher, calls, stored));
  });
}

function hasPlace({ position }: Published): boolean {
  return position !== null;
}

function outOfTurn(
  publisher: string,
  calls: readonly Published[],
  stored: readonly Published[],
): string[] {
  const turns = new Map(calls.map((call, turn) => [call, turn]));
  const order = new CallOrder(
    stored.filter(({ isRepeat }) => !isRepeat),
    turns,
  );
  const attempts = Map.groupBy(calls, ({ id }) => id);
  return stored
    .filter(({ isRepeat }) => isRepeat)
    .filter((repeat) => {
      const possible = (attempts.get(repeat.id) ?? []).filter(
        ({ outcome }) => outcome !== 'rejected',
      );
      return !possible.some((call) => order.allows(turns.get(call) ?? -1, offsetOf(repeat)));
    })
    .map(({ id, position }) => `${publisher}: ${id} is out of turn at ${position?.offset}`);
}

/** What was stored at the first call, in the order of the calls. */
class CallOrder {
  readonly #turns: readonly number[];
  readonly #offsets: readonly number[];

  constructor(first: readonly Published[], turns: ReadonlyMap<Published, number>) {
    this.#turns = first.map((call) => turns.get(call) ?? -1);
    this.#offsets = first.map(offsetOf);
  }

  /** Is this offset behind that of the call before this turn, and before that of the call behind it? */
  allows(turn: number, offset: number): boolean {
    const next = this.#firstFrom(turn);
    const before = this.#offsets[next - 1] ?? 0;
    const after = this.#offsets[this.#turns[next] === turn ? next + 1 : next] ?? Infinity;
    return offset > before && offset < after;
  }

  #firstFrom(turn: number): number {
    let [low, high] = [0, this.#turns.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#turns[middle] ?? 0) < turn) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function offsetOf({ position }: Published): number {
  return position?.offset ?? 0;
}
