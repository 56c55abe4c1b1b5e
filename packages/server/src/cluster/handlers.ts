import { describeError } from '../log.ts';
import type { Command, Order } from './message.ts';

/** What another node said is nothing that this one does. */
export class UnknownCommandError extends Error {
  override readonly name = 'UnknownCommandError';
}

type Handler = (data: unknown, from: string) => Promise<unknown>;

/** An order that has come, and what becomes of it; `null`: it is carried out. */
interface TakenOrder {
  readonly takenAt: number;
  readonly problem: Promise<string | null>;
}

/** What a node does when others tell it to: nothing but what is registered here. */
export class ClusterHandlers {
  readonly #handlers = new Map<string, Handler>();
  readonly #memoryMs: number;
  /** The oldest stands first. */
  readonly #taken = new Map<string, TakenOrder>();

  /** `memoryMs`: an order that comes again comes within that time. */
  constructor(memoryMs: number) {
    this.#memoryMs = memoryMs;
  }

  /** Throws a `TypeError` for a kind that is registered already. */
  on<T>(
    kind: string,
    parse: (data: unknown) => T | null,
    carryOut: (data: T, from: string) => unknown,
  ): void {
    if (this.#handlers.has(kind)) throw new TypeError(`The kind ${kind} has a handler already`);
    this.#handlers.set(kind, async (data, from) => {
      const parsed = parse(data);
      if (parsed === null)
        throw new UnknownCommandError(`What came of the kind ${kind} is malformed`);
      return await carryOut(parsed, from);
    });
  }

  has(kind: string): boolean {
    return this.#handlers.has(kind);
  }

  /** Begins at once. Rejects with `UnknownCommandError` for what is malformed or of no known kind. */
  async carryOut({ kind, data, from }: Command): Promise<unknown> {
    const handler = this.#handlers.get(kind);
    if (!handler) throw new UnknownCommandError(`There is no handler for the kind ${kind}`);
    return await handler(data, from);
  }

  /** Carries out an order, once, however often it comes; resolves with why it could not, or `null`. */
  async carryOutOnce(
    order: Order,
    carryOut: (order: Order) => Promise<unknown>,
  ): Promise<string | null> {
    const now = performance.now();
    this.#forgetOld(now);
    const taken = this.#taken.get(order.id) ?? {
      takenAt: now,
      problem: problemOf(carryOut(order)),
    };
    this.#taken.set(order.id, taken);
    return await taken.problem;
  }

  /** Resolves when every order that has come is carried out, or could not be. */
  async settled(): Promise<void> {
    await Promise.all([...this.#taken.values()].map(({ problem }) => problem));
  }

  #forgetOld(now: number): void {
    for (const [id, { takenAt }] of this.#taken) {
      if (takenAt + this.#memoryMs > now) return;
      this.#taken.delete(id);
    }
  }
}

async function problemOf(work: Promise<unknown>): Promise<string | null> {
  try {
    await work;
    return null;
  } catch (error) {
    return describeError(error);
  }
}
