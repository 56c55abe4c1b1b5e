import { inWords, type Position } from './ledger.ts';

/** I1: a place in a stream holds one publication, whoever looks, and a publication has one place. */
export class Places {
  readonly #holders = new Map<string, Map<string, Map<number, string>>>();
  readonly #homes = new Map<string, Position & { readonly channel: string }>();
  readonly #conflicts: string[] = [];

  /** What contradicts what, of all that was noted. */
  get conflicts(): readonly string[] {
    return this.#conflicts;
  }

  /** Somebody says that this is there. */
  note(channel: string, id: string, position: Position): void {
    const { epoch, offset } = position;
    const holders = this.#holdersIn(channel, epoch);
    const holder = holders.get(offset);
    if (holder === undefined) holders.set(offset, id);
    else if (holder !== id) {
      this.#conflicts.push(`${channel} ${inWords(position)} holds ${holder} and ${id}`);
      return;
    }
    this.#noteHome(channel, id, position);
  }

  #holdersIn(channel: string, epoch: string): Map<number, string> {
    const epochs = this.#holders.get(channel) ?? new Map<string, Map<number, string>>();
    const holders = epochs.get(epoch) ?? new Map<number, string>();
    this.#holders.set(channel, epochs.set(epoch, holders));
    return holders;
  }

  #noteHome(channel: string, id: string, position: Position): void {
    const home = this.#homes.get(id);
    if (!home) {
      this.#homes.set(id, { channel, ...position });
      return;
    }
    const { epoch, offset } = position;
    if (home.channel === channel && home.epoch === epoch && home.offset === offset) return;
    const here = `${channel} ${inWords(position)}`;
    this.#conflicts.push(`${id} is at ${home.channel} ${inWords(home)} and at ${here}`);
  }
}
