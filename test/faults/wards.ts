import type { Child } from '../lab/child.ts';
import type { TemporaryFolder } from '../services/temporary-folder.ts';

/**
 * The processes of a lab, which end when this one dies, however it dies: a frozen one would not notice
 * that its parent has gone, and stay for ever.
 */
export class Wards {
  readonly #folder: TemporaryFolder;
  readonly #children = new Set<Child>();

  constructor(folder: TemporaryFolder) {
    this.#folder = folder;
  }

  /** Takes care of one until it has ended. */
  watch(child: Child): Child {
    this.#children.add(child);
    this.#tell();
    void this.#release(child);
    return child;
  }

  /** Its number may be somebody else's soon. */
  async #release(child: Child): Promise<void> {
    await child.exited();
    this.#children.delete(child);
    this.#tell();
  }

  #tell(): void {
    this.#folder.occupy([...this.#children].map(({ pid }) => pid));
  }
}
