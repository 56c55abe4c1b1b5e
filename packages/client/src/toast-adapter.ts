import { guard, type OnError, report } from './log.ts';

/** A toast as it should be on the screen. */
export interface ToastView {
  readonly id: string;
  readonly kind: 'running' | 'success' | 'error' | 'cancelled';
  readonly title: string;
  /** Empty when there is none. */
  readonly description: string;
  /** Present on a running toast whose progress is known. */
  readonly percentage?: number;
  /** What a screen reader says; changes at the start, at 50 % and at the end only. Empty: nothing. */
  readonly announcement: string;
  /** A button. The toast stays when it is pressed. */
  readonly action?: ToastAction;
  /** `Infinity` until it is closed. */
  readonly durationMs: number;
  /** The adapter calls it when the user closes the toast: not for `dismiss`, not for a timeout. */
  onClose(): void;
}

/** A button on a toast. */
export interface ToastAction {
  readonly label: string;
  onClick(): void;
}

/** Shows toasts with the library of your choice. */
export interface ToastAdapter {
  /** Shows a toast, or updates the one with this id in place. */
  show(toast: ToastView): void;
  dismiss(id: string): void;
}

/** An adapter, or how to load one when the first toast is due. */
export type ToastSource = ToastAdapter | (() => Promise<ToastAdapter>);

const QUEUE_LIMIT = 50;
const RETRY_LOAD_MS = 10_000;

/** Holds the newest view of each toast until the adapter is loaded; its errors stay in here. */
export class ToastQueue implements ToastAdapter {
  readonly #source: () => ToastSource;
  readonly #onError: OnError;
  readonly #queue = new Map<string, ToastView>();
  #adapter: ToastAdapter | null = null;
  #isLoading = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(source: () => ToastSource, onError: OnError) {
    this.#source = source;
    this.#onError = onError;
  }

  show(toast: ToastView): void {
    this.#queue.set(toast.id, toast);
    const [oldest] = this.#queue.keys();
    if (this.#queue.size > QUEUE_LIMIT && oldest !== undefined) this.#queue.delete(oldest);
    if (this.#adapter) this.#flush(this.#adapter);
    else if (!this.#isLoading) this.#load();
  }

  dismiss(id: string): void {
    this.#queue.delete(id);
    guard(() => this.#adapter?.dismiss(id), this.#onError);
  }

  #load(): void {
    const source = this.#source();
    if (typeof source !== 'function') {
      this.#use(source);
      return;
    }
    this.#isLoading = true;
    Promise.resolve()
      .then(source)
      .then(
        (adapter) => this.#use(adapter),
        (error: unknown) => this.#onLoadError(error),
      );
  }

  /** Tries again with the next toast, or soon: what waits may be the last for a long time. */
  #onLoadError(error: unknown): void {
    this.#isLoading = false;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#retry(), RETRY_LOAD_MS);
    report(error, this.#onError);
  }

  #retry(): void {
    const isNeeded = this.#queue.size > 0 && !this.#adapter && !this.#isLoading;
    if (isNeeded) this.#load();
  }

  #use(adapter: ToastAdapter): void {
    this.#adapter = adapter;
    this.#flush(adapter);
  }

  #flush(adapter: ToastAdapter): void {
    for (const toast of this.#queue.values()) guard(() => adapter.show(toast), this.#onError);
    this.#queue.clear();
  }
}
