import { randomBytes } from 'node:crypto';
import { NodeGoneError } from './cluster/errors.ts';
import { isName } from './cluster/message.ts';
import type { Node } from './node.ts';
import { fieldsOf } from './protocol/json.ts';

/** A session, as much of it as a command needs that comes by another way than its connection. */
export interface FrameReceiver {
  receive(frame: string): void;
}

/** Commands for a session, and who has it. */
export interface EmulatedFrame {
  /** The session's key: whoever has it is the client. */
  readonly session: string;
  /** The id of the node that holds the session's stream. */
  readonly node: string;
  readonly data: string;
}

/** What became of a frame; `unanswered`: its node may or may not have taken it. */
export type FrameFate = 'taken' | 'unknown' | 'unanswered';

const KEY_BYTES = 16;
const KIND = 'emulate';

/**
 * A node's sessions whose client cannot say anything on its connection, by their keys: whoever has the
 * key is the client (protocol, section 2.4). What it says may come to any node, and is handed on.
 */
export class EmulatedSessions {
  readonly #node: Node;
  readonly #receivers = new Map<string, FrameReceiver>();
  #onEmpty: (() => void)[] = [];

  constructor(node: Node) {
    this.#node = node;
    const { cluster, limits } = node;
    const parse = (data: unknown) => frameOf(data, limits.maxMessageBytes);
    cluster.on(KIND, parse, (frame) => this.#take(frame));
  }

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

  /** Hands a frame to its session, on whichever node that is. Calls for one session reach it in their order. */
  async hand({ session, node, data }: EmulatedFrame): Promise<FrameFate> {
    const { id, cluster } = this.#node;
    if (!isName(session) || !isName(node)) return 'unknown'; // nothing is asked or logged with strangers' texts
    if (node === id) return fateOf(this.#take({ session, data }));
    try {
      return fateOf(await cluster.ask(node, KIND, { session, data }));
    } catch (error) {
      return error instanceof NodeGoneError ? 'unknown' : 'unanswered';
    }
  }

  #take({ session, data }: Pick<EmulatedFrame, 'session' | 'data'>): boolean {
    const receiver = this.#receivers.get(session);
    receiver?.receive(data);
    return receiver !== undefined;
  }
}

function fateOf(isTaken: unknown): FrameFate {
  return isTaken === true ? 'taken' : 'unknown';
}

/** `null`: another node would not have taken it from a client. */
function frameOf(data: unknown, maxBytes: number): Pick<EmulatedFrame, 'session' | 'data'> | null {
  const { session, data: frame } = fieldsOf(data);
  if (typeof session !== 'string' || typeof frame !== 'string') return null;
  return Buffer.byteLength(frame) <= maxBytes ? { session, data: frame } : null;
}
