import { isOperationEvent, type ReceivedEvent } from '@trunkline/contract';
import { RecentIds } from './recent.ts';

/** Why a table refreshes. */
export type RefreshReason = 'operation' | 'server' | 'manual' | 'resync';

/** `detail` of the window event `table-refresh:{table}` when the server caused it. */
export interface ServerRefreshDetail {
  readonly source: 'server';
  readonly reason: Exclude<RefreshReason, 'manual'>;
  /** What changed the rows: one cause refreshes a table once, however often it is told. */
  readonly cause: string;
  readonly operationId?: string;
  /** An HTTP request of this very page caused it. */
  readonly isOwn: boolean;
}

/** The name of the window event that refreshes a table: `table-refresh:users`. */
export function refreshEventName(table: string): string {
  return `table-refresh:${table}`;
}

/** A refresher that is on the page. */
export interface MountedRefresher {
  readonly tables: readonly string[];
  /** Milliseconds since 1970. */
  readonly mountedAt: number;
  /** Drops the calls that wait. */
  cancel(): void;
}

const REMEMBERED_CAUSES = 500;
const SPREAD_MS = 3000;
const STALE_AFTER_MS = 2000;

/** Turns what the server says into window events, once per cause. */
export class RefreshSignals {
  readonly #mounted = new Set<MountedRefresher>();
  readonly #causes = new RecentIds(REMEMBERED_CAUSES);
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Adds a refresher for gaps and the first sync; returns how to remove it. */
  mount(refresher: MountedRefresher): () => void {
    this.#mounted.add(refresher);
    return () => {
      this.#mounted.delete(refresher);
      refresher.cancel();
    };
  }

  /** Refreshes the tables that an event names. */
  onEvent(event: ReceivedEvent, isOwn: boolean): void {
    const tables = tableNames(event.metadata?.tablesToRefresh);
    if (tables.length === 0 || !this.#causes.add(event.id)) return;
    const isOperation = isOperationEvent(event.type);
    const reason = isOperation && event.type !== 'operation:progress' ? 'operation' : 'server';
    const operationId: unknown = isOperation ? event.data?.operationId : undefined;
    const known = typeof operationId === 'string' ? { operationId } : {};
    this.#signal(tables, { source: 'server', reason, cause: event.id, isOwn, ...known });
  }

  /** Refreshes the tables of a refresh signal, unless its cause has come before. */
  onSignal(event: ReceivedEvent, isOwn: boolean): void {
    const signal = event.data as { tables?: unknown; cause?: unknown } | null;
    const cause = typeof signal?.cause === 'string' ? signal.cause : event.id;
    if (!this.#causes.add(cause)) return;
    const tables = tableNames(signal?.tables);
    this.#signal(tables, { source: 'server', reason: 'server', cause, isOwn });
  }

  /** What was loaded well before the first sync may be older than it. */
  onFirstSync(): void {
    const now = Date.now();
    const isStale = ({ mountedAt }: MountedRefresher) => now - mountedAt > STALE_AFTER_MS;
    const stale = [...this.#mounted].filter(isStale);
    this.#signal(tablesOf(stale), resyncDetail());
  }

  /** Refreshes every mounted table once, each at a random moment; then calls `done`. */
  resync(done: () => void): void {
    const tables = tablesOf(this.#mounted);
    const detail = resyncDetail();
    const delays = tables.map(() => Math.random() * SPREAD_MS);
    tables.forEach((table, i) => this.#later(delays[i] ?? 0, () => this.#signal([table], detail)));
    this.#later(Math.max(0, ...delays), done);
  }

  /** Drops what waits: the identity has ended. */
  cancel(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const refresher of this.#mounted) refresher.cancel();
  }

  #later(delayMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  #signal(tables: Iterable<string>, detail: ServerRefreshDetail): void {
    if (typeof window === 'undefined') return;
    for (const table of tables) {
      window.dispatchEvent(new CustomEvent(refreshEventName(table), { detail }));
    }
  }
}

function resyncDetail(): ServerRefreshDetail {
  const cause = `resync:${Math.random()}`;
  return { source: 'server', reason: 'resync', cause, isOwn: false };
}

function tablesOf(refreshers: Iterable<MountedRefresher>): string[] {
  return [...new Set([...refreshers].flatMap(({ tables }) => tables))];
}

function tableNames(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const isName = (name: unknown): name is string => typeof name === 'string' && name !== '';
  return [...new Set(value.filter(isName))];
}
