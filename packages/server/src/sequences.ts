/** Runs the steps of each key one after the other, whatever became of the one before. */
export class Sequences {
  /** The last step of each key that is not done: the next one waits for it. */
  readonly #tails = new Map<string, Promise<void>>();

  /** Settles as the step does. */
  async run(key: string, step: () => Promise<void>): Promise<void> {
    const tail = this.#tails.get(key);
    const running = tail ? tail.catch(() => {}).then(step) : step();
    this.#tails.set(key, running);
    try {
      await running;
    } finally {
      if (this.#tails.get(key) === running) this.#tails.delete(key);
    }
  }

  /** Is a step of this key under way? */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Resolves when the steps that were under way are done. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#tails.values());
  }
}
