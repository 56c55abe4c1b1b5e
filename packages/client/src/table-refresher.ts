import { type OnError, report } from './log.ts';
import { isPageHidden } from './page.ts';
import {
  type MountedRefresher,
  type RefreshReason,
  refreshEventName,
  type ServerRefreshDetail,
} from './refresh.ts';
import { Store } from './store.ts';

/** What a refresh callback is told. */
export interface RefreshContext {
  readonly table: string;
  readonly reason: RefreshReason;
  readonly operationId?: string;
  /** `detail` of the app's own window event. */
  readonly detail?: unknown;
  /** How many further signals this call stands for. */
  readonly missed?: number;
}

/** Reloads a table. A promise is awaited before the next call. */
export type RefreshCallback = (context: RefreshContext) => unknown;

/** When a table refreshes. */
export interface TableRefreshOptions {
  /** At most one call in this time; the last signal is never lost. Default 1000, 0 disables. */
  readonly throttleMs?: number | undefined;
  /** Collects the signals instead of calling; ends with one call. Default false. */
  readonly pause?: boolean | undefined;
  /** Also refreshes while the page is hidden. Default false: when it is visible again. */
  readonly background?: boolean | undefined;
  /** Skips what this page's own HTTP requests caused. Default false. */
  readonly ignoreOwn?: boolean | undefined;
}

/** The callback, its options, and where its errors go. */
export interface RefresherConfig extends TableRefreshOptions {
  readonly callback: RefreshCallback;
  readonly onError?: OnError | undefined;
}

const THROTTLE_MS = 1000;
const HUNG_MS = 30_000;

/**
 * Calls back when one of its tables should be reloaded: at once, then at most once per throttle
 * time, never twice at the same time, and always once after the last signal.
 */
export class TableRefresher implements MountedRefresher {
  /** How many signals a pause or a hidden page holds back. */
  readonly pending: Store<number> = new Store(0);
  #config: RefresherConfig;
  #tables: readonly string[] = [];
  #mountedAt = 0;
  #waiting: RefreshContext | null = null;
  #signals = 0;
  #startedAt = Number.NEGATIVE_INFINITY;
  #running: object | null = null;
  #isForced = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastCause: string | undefined;

  constructor(config: RefresherConfig) {
    this.#config = config;
  }

  get tables(): readonly string[] {
    return this.#tables;
  }

  get mountedAt(): number {
    return this.#mountedAt;
  }

  /** Takes the newest callback and options. The end of a pause makes up for it. */
  configure(config: RefresherConfig): void {
    const wasPaused = this.#config.pause;
    this.#config = config;
    if (wasPaused !== config.pause) this.#advance();
  }

  /** Listens for these tables (`''` is none) until the returned function is called. */
  listen(tables: readonly string[]): () => void {
    const stop = new AbortController();
    this.#tables = [...new Set(tables)].filter((table) => table !== '');
    this.#mountedAt = Date.now();
    for (const table of this.#tables) {
      const onSignal = (event: Event) => this.#onSignal(table, event);
      window.addEventListener(refreshEventName(table), onSignal, { signal: stop.signal });
    }
    const onVisible = () => this.#advance();
    document.addEventListener('visibilitychange', onVisible, { signal: stop.signal });
    return () => {
      stop.abort();
      this.cancel();
    };
  }

  /** Calls back now, whatever holds it back; right after a call that is still running. */
  readonly refreshNow: () => void = () => {
    const [table] = this.#tables;
    if (table === undefined) return;
    this.#waiting ??= { table, reason: 'manual' };
    this.#isForced = true;
    this.#advance();
  };

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = null;
    this.#signals = 0;
    this.#isForced = false;
    this.pending.set(0);
  }

  #onSignal(table: string, event: Event): void {
    const detail: unknown = (event as CustomEvent<unknown>).detail;
    if (!isServerDetail(detail)) {
      const given = detail === null || detail === undefined ? {} : { detail };
      this.#enqueue({ table, reason: 'manual', ...given });
      return;
    }
    if (detail.isOwn && this.#config.ignoreOwn) return;
    // the same change, told for another of this refresher's tables
    if (detail.cause === this.#lastCause) return;
    this.#lastCause = detail.cause;
    const { reason, operationId } = detail;
    this.#enqueue({ table, reason, ...(operationId === undefined ? {} : { operationId }) });
  }

  #enqueue(context: RefreshContext): void {
    this.#waiting = context;
    this.#signals += 1;
    this.#advance();
  }

  /** Calls back if nothing is against it; else whatever is against it comes back here. */
  #advance(): void {
    const isHeld = this.#isHeld();
    this.pending.set(isHeld ? this.#signals : 0);
    if (!this.#waiting || this.#running || isHeld) return;
    const dueAt = this.#startedAt + (this.#config.throttleMs ?? THROTTLE_MS);
    const waitMs = this.#isForced ? 0 : dueAt - performance.now();
    if (waitMs <= 0) this.#run(this.#waiting);
    else this.#timer ??= setTimeout(() => this.#onTimer(), waitMs);
  }

  #isHeld(): boolean {
    if (this.#isForced) return false;
    return this.#config.pause === true || (isPageHidden() && this.#config.background !== true);
  }

  #onTimer(): void {
    this.#timer = undefined;
    this.#advance();
  }

  #run(context: RefreshContext): void {
    const missed = this.#signals - 1;
    this.cancel();
    this.#startedAt = performance.now();
    try {
      const result = this.#config.callback(missed > 0 ? { ...context, missed } : context);
      if (isPromise(result)) this.#occupy(result);
    } catch (error) {
      report(error, this.#config.onError);
    }
  }

  /** No second call until the promise settles, or is given up. */
  #occupy(result: PromiseLike<unknown>): void {
    const slot = {};
    this.#running = slot;
    const free = () => {
      clearTimeout(hung);
      if (this.#running !== slot) return;
      this.#running = null;
      this.#advance();
    };
    const hung = setTimeout(free, HUNG_MS);
    result.then(free, (error: unknown) => {
      report(error, this.#config.onError);
      free();
    });
  }
}

function isServerDetail(detail: unknown): detail is ServerRefreshDetail {
  if (typeof detail !== 'object' || detail === null) return false;
  const { source, cause } = detail as { source?: unknown; cause?: unknown };
  // an app may use `source` for itself
  return source === 'server' && typeof cause === 'string';
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
