/** Which user was put into which room, in memory. */
export class JoinStore {
  readonly #rooms = new Map<string, Set<string>>();

  add(user: string, room: string): void {
    const rooms = this.#rooms.get(user) ?? new Set();
    rooms.add(room);
    this.#rooms.set(user, rooms);
  }

  remove(user: string, room: string): void {
    const rooms = this.#rooms.get(user);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#rooms.delete(user);
  }

  of(user: string): readonly string[] {
    return [...(this.#rooms.get(user) ?? [])];
  }
}
