/** Where a client stands in a channel. */
export interface Position {
  readonly recover?: boolean;
  readonly offset?: number;
  readonly epoch?: string;
}

/** What a publication carries. */
export interface Said {
  readonly data: object;
  readonly info?: object;
}

/** What a test server's channels have said, for those who come back. */
export class TestStreams {
  readonly #items = new Map<string, object[]>();
  readonly #epochs = new Map<string, number>();

  /** Appends to a channel and gives the publication as it is pushed. */
  append(channel: string, said: Said): object {
    const items = this.#itemsOf(channel);
    const publication = { ...said, offset: items.length + 1 };
    items.push(publication);
    return publication;
  }

  /** What was said so far, in this channel or in all, cannot be recovered any more. */
  lose(channel?: string): void {
    const channels = channel === undefined ? [...this.#items.keys()] : [channel];
    for (const name of channels) {
      this.#epochs.set(name, this.#epochOf(name) + 1);
      this.#items.delete(name);
    }
  }

  /** How a subscription begins, for one who stands there. */
  begin(channel: string, position?: Position): object {
    const items = this.#itemsOf(channel);
    const epoch = String(this.#epochOf(channel));
    const base = { recoverable: true, positioned: true, epoch, offset: items.length };
    if (!position?.recover) return base;
    const recovered = position.epoch === epoch;
    const publications = recovered ? items.slice(position.offset ?? 0) : [];
    return { ...base, was_recovering: true, recovered, publications };
  }

  #epochOf(channel: string): number {
    return this.#epochs.get(channel) ?? 1;
  }

  #itemsOf(channel: string): object[] {
    const items = this.#items.get(channel) ?? [];
    this.#items.set(channel, items);
    return items;
  }
}
