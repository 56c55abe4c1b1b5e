import { AsyncResource } from 'node:async_hooks';

/** Somebody with something to write at the end of a turn. Must not throw. */
export interface Writer {
  flush(): void;
}

/**
 * A turn of the event loop, from the first thing that is written in it to its end: then every session
 * writes what it was given, in one go.
 */
export class Turn {
  #number = 0;
  #writers: Writer[] = [];
  readonly #end: () => void;

  constructor() {
    // The turn is everybody's: one that begins in a tenant's request must not act as that tenant.
    this.#end = AsyncResource.bind(() => this.#flush());
  }

  /** No two turns have the same. */
  get number(): number {
    return this.#number;
  }

  /** Calls it back, once, when the turn ends. */
  add(writer: Writer): void {
    if (this.#writers.length === 0) setImmediate(this.#end);
    this.#writers.push(writer);
  }

  #flush(): void {
    const writers = this.#writers;
    this.#writers = [];
    this.#number += 1;
    let begun = 0;
    try {
      for (const writer of writers) {
        begun += 1;
        writer.flush();
      }
    } finally {
      // Whatever one has thrown, the others are waiting to write.
      for (const writer of writers.slice(begun)) this.add(writer);
    }
  }
}
