/** The place of a value in a list. */
export interface Place<T> {
  readonly value: T;
  before: Place<T> | null;
  after: Place<T> | null;
}

/**
 * Values by when they were last used. A `Set` would do, were it not that one keeps the places of what
 * was taken from its front, and looks at each of them again when it is asked for the first value.
 */
export class RecencyList<T> {
  #oldest: Place<T> | null = null;
  #newest: Place<T> | null = null;

  /** The place of what has not been used for the longest time; `null`: there is nothing. */
  get oldest(): Place<T> | null {
    return this.#oldest;
  }

  /** Adds a value that is being used. */
  add(value: T): Place<T> {
    const place: Place<T> = { value, before: null, after: null };
    this.#append(place);
    return place;
  }

  /** The value in this place is being used. */
  touch(place: Place<T>): void {
    if (place === this.#newest) return;
    this.remove(place);
    this.#append(place);
  }

  remove(place: Place<T>): void {
    const { before, after } = place;
    if (before) before.after = after;
    else this.#oldest = after;
    if (after) after.before = before;
    else this.#newest = before;
    place.before = null;
    place.after = null;
  }

  #append(place: Place<T>): void {
    place.before = this.#newest;
    if (this.#newest) this.#newest.after = place;
    else this.#oldest = place;
    this.#newest = place;
  }
}
