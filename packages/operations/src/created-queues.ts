const PAUSE_MS = 1000;

/** Which queues there are, each created when it is needed first. */
export class CreatedQueues {
  readonly #create: (name: string) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  readonly #names = new Set<string>();
  readonly #creations = new Map<string, Promise<void>>();

  constructor(create: (name: string) => Promise<void>, onFailure: (error: unknown) => void) {
    this.#create = create;
    this.#onFailure = onFailure;
  }

  /** Is it known to be there? */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** It is there already. */
  add(name: string): void {
    this.#names.add(name);
  }

  /** Resolves when it is there: one creation for all who wait for it, and after a failure another one. */
  async created(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    const creation = this.#creations.get(name) ?? this.#begin(name);
    await creation;
  }

  /** Tries until it is there, or nobody needs it any more. */
  async createdAtLast(name: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#names.has(name)) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one try after the other
        await this.created(name);
      } catch (error) {
        this.#onFailure(error);
        // oxlint-disable-next-line no-await-in-loop -- with a pause between them
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
      }
    }
  }

  #begin(name: string): Promise<void> {
    const creation = this.#create(name)
      .then(() => this.add(name))
      .finally(() => this.#creations.delete(name));
    this.#creations.set(name, creation);
    return creation;
  }
}
