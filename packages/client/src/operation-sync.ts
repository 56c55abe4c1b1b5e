import {
  isTerminal,
  OPERATIONS_CALL,
  type OperationFilter,
  type OperationList,
  type OperationSnapshot,
} from '@trunkline/contract';
import { type Call, CallError } from './call.ts';
import type { Operation } from './operation.ts';
import type { OperationSource, OperationStore } from './operation-store.ts';
import { SilenceWatch } from './silence-watch.ts';

/** What the loading works with. */
export interface OperationSyncContext {
  readonly userId: string;
  readonly store: OperationStore;
  readonly call: Call;
}

/** An end that nobody has seen is told after a reload, for so long. */
const AWAY_MS = 10 * 60_000;
const PAGE_SIZE = 200;
const ENDED_SIZE = 50;
const MAX_LOADED = 1000;
/** So long the page waits for its operations before it calls itself live. */
const PATIENCE_MS = 5000;
const FIRST_RETRY_MS = 2000;
const MAX_RETRY_MS = 60_000;

/** Answers that asking again does not change: the server keeps no operations, or none for this user. */
const FINAL: ReadonlySet<string> = new Set(['not-found', 'forbidden']);

/**
 * Reads the operations that the server keeps: once somebody looks at them, again after each gap, and when
 * one that is active has been silent for long. In between, events keep them up to date; what comes by both
 * ways is told apart by `seq`.
 */
export class OperationSync {
  readonly #context: OperationSyncContext;
  readonly #silence: SilenceWatch;
  #watchers = 0;
  #isConnected = false;
  /** Has everything been heard since the list was read? */
  #isFresh = false;
  /** The server has answered that there is no list; another connection may lead to another server. */
  #hasNoList = false;
  /** The reading that counts: a later one, or none, makes an earlier one void. */
  #reading: object | null = null;
  #failures = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  /** Where the older ones begin. */
  #next: string | undefined;

  constructor(context: OperationSyncContext) {
    this.#context = context;
    this.#silence = new SilenceWatch({
      store: context.store,
      isListening: () => this.#isListening(),
      ask: () => this.#check(),
    });
  }

  /** Keeps the operations complete until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#isDue()) void this.#read();
    this.#silence.update();
    let isWatching = true;
    return () => {
      if (isWatching) this.#watchers -= 1;
      isWatching = false;
      this.#silence.update();
    };
  }

  /**
   * The connection is there, and what was missed is in, or lost: then the list is read. Resolves when it is
   * in, or could not be read, or takes too long; `null`: there is nothing to wait for.
   */
  onSynced(hasGap: boolean): Promise<void> | null {
    this.onDisconnected();
    this.#isConnected = true;
    if (hasGap || this.#hasNoList) this.#isFresh = false;
    this.#hasNoList = false;
    this.#silence.update();
    return this.#isDue() ? atMost(PATIENCE_MS, this.#read()) : null;
  }

  /** The connection is away: what is on its way will not come. */
  onDisconnected(): void {
    this.#isConnected = false;
    this.#reading = null;
    this.#failures = 0;
    clearTimeout(this.#retryTimer);
    this.#silence.stop();
  }

  /** Forgets what was read: it was another identity's. */
  clear(): void {
    this.onDisconnected();
    this.#isFresh = false;
    this.#next = undefined;
  }

  /** Reads older operations that have ended, until there are some that were not known. */
  async loadMore(): Promise<void> {
    const { store } = this.#context;
    let isNews = false;
    while (this.#next !== undefined && !isNews) {
      const before = this.#next;
      // oxlint-disable-next-line no-await-in-loop -- each page says where the next one begins
      const page = await this.list({ state: 'ended', limit: ENDED_SIZE, before });
      // read meanwhile by somebody else, or not wanted any more
      if (this.#next !== before) return;
      this.#next = page.next;
      const heard = page.operations.filter((snapshot) => this.#isHeard(snapshot));
      const unknown = heard.filter(({ id }) => !store.get(id));
      isNews = unknown.length > 0;
      store.keepMore(unknown.length);
      for (const snapshot of heard) store.merge(snapshot, 'history');
    }
    store.note({ hasMore: this.#next !== undefined });
  }

  /** Asks which ends have been seen meanwhile, in another tab or on another device. */
  async refreshEnded(): Promise<void> {
    const { userId: ownerId, store } = this.#context;
    const { operations } = await this.list({ state: 'ended', ownerId, limit: PAGE_SIZE });
    for (const snapshot of operations) store.merge(snapshot, 'history');
  }

  /** What the server has, as it says it. */
  async list(filter: OperationFilter): Promise<OperationList> {
    const list = await this.#context.call<OperationList | undefined>(OPERATIONS_CALL, filter);
    // an app that answers every call answers this one too
    if (!Array.isArray(list?.operations))
      throw new CallError(104, 'There is no list of operations.');
    return list;
  }

  #isDue(): boolean {
    return this.#watchers > 0 && this.#isConnected && !this.#isFresh && !this.#reading;
  }

  /** Is the list complete, and kept so by events? */
  #isListening(): boolean {
    const isKept = this.#isFresh && !this.#hasNoList && !this.#reading;
    return this.#watchers > 0 && this.#isConnected && isKept;
  }

  /** Looks whether those that are active still are. */
  #check(): void {
    this.#isFresh = false;
    void this.#read(true);
  }

  /** Never rejects; `isCheck`: only if one is not active any more, those that have ended are read too. */
  async #read(isCheck = false): Promise<void> {
    const reading = {};
    this.#reading = reading;
    clearTimeout(this.#retryTimer);
    const isCurrent = () => this.#reading === reading;
    try {
      await this.#load(isCurrent, isCheck);
      if (isCurrent()) this.#onLoaded();
    } catch (error) {
      if (isCurrent()) this.#onFailure(error);
    }
  }

  #onLoaded(): void {
    this.#reading = null;
    this.#isFresh = true;
    this.#failures = 0;
    this.#silence.onRead();
    this.#context.store.note({ isLoaded: true, hasMore: this.#next !== undefined });
  }

  #onFailure(error: unknown): void {
    this.#reading = null;
    if (error instanceof CallError && FINAL.has(error.reason)) {
      this.#hasNoList = true;
      this.#onLoaded();
      return;
    }
    const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    // not all pages of a server at once
    const delayMs = waitMs * (0.5 + Math.random() / 2);
    this.#retryTimer = setTimeout(() => {
      if (this.#isDue()) void this.#read();
    }, delayMs);
  }

  /** Active ones first: what ends after that is among those that have ended, or is told live. */
  async #load(isCurrent: () => boolean, isCheck: boolean): Promise<void> {
    const { store } = this.#context;
    const known = store.values().filter(({ isStored, state }) => isStored && !isTerminal(state));
    const active = await this.#readActive(isCurrent);
    const missing = active && known.filter(({ id }) => !active.has(id));
    if (isCheck && missing?.length === 0) return;
    const ended = await this.list({ state: 'ended', limit: ENDED_SIZE });
    if (!isCurrent()) return;
    this.#next = ended.next;
    for (const snapshot of ended.operations.filter((one) => this.#isHeard(one))) {
      store.merge(snapshot, this.#sourceOf(snapshot, ended));
    }
    if (missing) await this.#settle(missing, ended, isCurrent);
  }

  /** The ids of all that are active; `null`: there are more than a page can show. */
  async #readActive(isCurrent: () => boolean): Promise<Set<string> | null> {
    const ids = new Set<string>();
    let next: string | undefined;
    do {
      const page = {
        state: 'active',
        limit: PAGE_SIZE,
        ...(next ? { before: next } : {}),
      } as const;
      // oxlint-disable-next-line no-await-in-loop -- each page says where the next one begins
      const list = await this.list(page);
      if (!isCurrent()) return null;
      for (const snapshot of list.operations) {
        ids.add(snapshot.id);
        if (this.#isHeard(snapshot)) this.#context.store.merge(snapshot, 'load');
      }
      ({ next } = list);
    } while (next !== undefined && ids.size < MAX_LOADED);
    return next === undefined ? ids : null;
  }

  /** Finds out how those have ended that are not active any more; who is nowhere is dropped. */
  async #settle(
    missing: readonly Operation[],
    { next }: OperationList,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { store } = this.#context;
    const open = () => missing.filter(({ id, seq }) => store.get(id)?.seq === seq);
    let before = next;
    for (let read = 0; before !== undefined && read < MAX_LOADED; read += PAGE_SIZE) {
      const wanted = new Set(open().map(({ id }) => id));
      if (wanted.size === 0) return;
      // oxlint-disable-next-line no-await-in-loop -- each page says where the next one begins
      const page = await this.list({ state: 'ended', limit: PAGE_SIZE, before });
      if (!isCurrent()) return;
      const found = page.operations.filter(({ id }) => wanted.has(id));
      for (const snapshot of found) store.merge(snapshot, 'history');
      before = page.next;
    }
    for (const { id } of open()) store.drop(id);
  }

  /** An admin may see also what nobody but its owner is told of: it would stay as it is here. */
  #isHeard({ ownerId, audience }: OperationSnapshot): boolean {
    return audience !== 'owner' || ownerId === this.#context.userId;
  }

  /** An end that the user has missed is worth showing; the others are past. */
  #sourceOf(snapshot: OperationSnapshot, { now }: OperationList): OperationSource {
    const { ownerId, isSeen, finishedAt = 0 } = snapshot;
    const isMissed = ownerId === this.#context.userId && !isSeen && finishedAt > now - AWAY_MS;
    return isMissed ? 'load' : 'history';
  }
}

/** Waits for so long at most. */
async function atMost(limitMs: number, task: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([task, limit]);
  clearTimeout(timer);
}
