import { isTerminal } from '@trunkline/contract';
import type { OperationStore } from './operation-store.ts';

/** Whose silence is watched, and what is done about it. */
export interface SilenceWatchContext {
  readonly store: OperationStore;
  /** Is news heard as it comes? Otherwise silence means nothing. */
  readonly isListening: () => boolean;
  /** Asks the server how they all stand. */
  readonly ask: () => void;
}

const SILENT_MS = 2 * 60_000;
/** Not all pages of a server at once. */
const SPREAD_MS = 30_000;

/**
 * Asks about stored operations that have not been heard of for two minutes, once for all of them: an end
 * that was never published leaves no gap to notice, and the operation would go on here for ever.
 */
export class SilenceWatch {
  readonly #context: SilenceWatchContext;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #readAt = 0;

  constructor(context: SilenceWatchContext) {
    this.#context = context;
    context.store.state.subscribe(() => this.update());
  }

  /** The server has just said how they all stand. */
  onRead(): void {
    this.#readAt = Date.now();
    this.stop();
    this.update();
  }

  /** Waits while there is something to wait for. */
  update(): void {
    const quietSince = this.#context.isListening() ? this.#quietSince() : null;
    if (quietSince === null) this.stop();
    else this.#timer ??= this.#startTimer(quietSince);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #startTimer(quietSince: number): ReturnType<typeof setTimeout> {
    const waitMs = Math.max(0, quietSince + SILENT_MS - Date.now());
    return setTimeout(() => this.#onTimer(), waitMs + Math.random() * SPREAD_MS);
  }

  /** There may have been news meanwhile: then the wait begins anew. */
  #onTimer(): void {
    this.#timer = undefined;
    const quietSince = this.#quietSince() ?? Number.POSITIVE_INFINITY;
    if (Date.now() >= quietSince + SILENT_MS) this.#context.ask();
    else this.update();
  }

  /** Since when there is no news of at least one; `null`: none is under way. */
  #quietSince(): number | null {
    const active = this.#context.store
      .values()
      .filter(({ isStored, state }) => isStored && !isTerminal(state));
    if (active.length === 0) return null;
    return Math.max(this.#readAt, Math.min(...active.map(({ heardAt }) => heardAt)));
  }
}
