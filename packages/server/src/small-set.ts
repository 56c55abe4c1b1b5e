/** Up to so many members a list is smaller than a set, and as fast. */
const MAX_LISTED = 8;

/**
 * A set that is a mere list while it is small: most users have one connection, and most channels one
 * subscriber. In the order of joining.
 */
export class SmallSet<T> {
  /** `null`: to be made from the set. */
  #list: readonly T[] | null = [];
  #set: Set<T> | null = null;

  get size(): number {
    return this.#set?.size ?? this.list.length;
  }

  /** The members: the same list as long as they are the same. */
  get list(): readonly T[] {
    return (this.#list ??= [...(this.#set ?? [])]);
  }

  has(member: T): boolean {
    return this.#set?.has(member) ?? this.list.includes(member);
  }

  /** `false`: it was one already. */
  add(member: T): boolean {
    if (this.has(member)) return false;
    if (!this.#set && this.size < MAX_LISTED) {
      this.#list = [...this.list, member];
      return true;
    }
    this.#set ??= new Set(this.list);
    this.#set.add(member);
    this.#list = null;
    return true;
  }

  /** `false`: it was none. */
  delete(member: T): boolean {
    if (!this.has(member)) return false;
    if (this.#set?.delete(member)) this.#list = null;
    else this.#list = this.list.filter((other) => other !== member);
    return true;
  }
}
