import { randomBytes } from 'node:crypto';

/** A session, as much of it as a command needs that comes by another way than its connection. */
export interface FrameReceiver {
  receive(frame: string): void;
}

const KEY_BYTES = 16;

/**
 * A node's sessions whose client cannot say anything on its connection, by their keys: whoever has the
 * key is the client (protocol, section 2.4).
 */
export class EmulatedSessions {
  readonly #receivers = new Map<string, FrameReceiver>();
  #onEmpty: (() => void)[] = [];

  get size(): number {
    return this.#receivers.size;
  }

  /** A key that nobody can guess. */
  newKey(): string {
    return randomBytes(KEY_BYTES).toString('base64url');
  }

  add(key: string, receiver: FrameReceiver): void {
    this.#receivers.set(key, receiver);
  }

  remove(key: string): void {
    this.#receivers.delete(key);
    if (this.#receivers.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when the last of them has ended. */
  async emptied(): Promise<void> {
    if (this.#receivers.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  /** The session that still takes commands by this key. */
  find(key: string): FrameReceiver | undefined {
    return this.#receivers.get(key);
  }
}
