/** A value that can be watched: the shape that `useSyncExternalStore` wants. */
export class Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(initial: T) {
    this.#value = initial;
  }

  /** The value now; the same object until it changes. */
  readonly get: () => T = () => this.#value;

  /** Calls the listener after each change; returns how to stop. */
  readonly subscribe: (listener: () => void) => () => void = (listener) => {
    // its own entry, so that one function subscribed twice is two subscriptions
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  };

  /** Replaces the value and tells the listeners, if it is another one. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }
}
