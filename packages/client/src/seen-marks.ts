import { SEEN_OPERATIONS_CALL } from '@trunkline/contract';
import { type Call, CallError } from './call.ts';

const BATCH_MS = 500;
const BATCH_SIZE = 200;
/** More than this is of no interest to anybody. */
const MAX_WAITING = 1000;
/** Failures that pass by themselves. */
const PASSING: ReadonlySet<string> = new Set(['disconnected', 'timeout', 'too-many']);

/** Tells the server what the user has seen, many at a time. */
export class SeenMarks {
  readonly #call: Call;
  #waiting = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(call: Call) {
    this.#call = call;
  }

  add(ids: readonly string[]): void {
    for (const id of ids) if (this.#waiting.size < MAX_WAITING) this.#waiting.add(id);
    this.flushSoon();
  }

  /** Sends what waits, also what could not be sent before. */
  flushSoon(): void {
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => void this.#flush(), BATCH_MS);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = new Set();
  }

  async #flush(): Promise<void> {
    this.#timer = undefined;
    const waiting = this.#waiting;
    const ids = [...waiting].slice(0, BATCH_SIZE);
    for (const id of ids) waiting.delete(id);
    try {
      await this.#call(SEEN_OPERATIONS_CALL, { ids });
      this.flushSoon();
    } catch (error) {
      // what the server does not take is shown once more at worst
      const isPassing = error instanceof CallError && PASSING.has(error.reason);
      if (isPassing) for (const id of ids) waiting.add(id);
    }
  }
}
