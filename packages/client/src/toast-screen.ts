import { RecentIds } from './recent.ts';
import type { ToastAdapter } from './toast-adapter.ts';
import type { ToastLook } from './toast-text.ts';

const REMEMBERED_TOASTS = 50;
const MAX_FAILURES = 5;

/** The toasts that may be on the screen, as far as anybody can know: a timeout is not told. */
export class ToastScreen {
  readonly #adapter: ToastAdapter;
  readonly #shown = new RecentIds(REMEMBERED_TOASTS);
  /** These stay until they are closed. */
  readonly #failures = new Set<string>();

  constructor(adapter: ToastAdapter) {
    this.#adapter = adapter;
  }

  /** Has anything been shown that may still be there? */
  get hasShown(): boolean {
    return this.#shown.values().length > 0 || this.#failures.size > 0;
  }

  /** Is this toast there, because only the user closes it? */
  hasFailure(id: string): boolean {
    return this.#failures.has(id);
  }

  /** Shows a toast, or another look of it; `onClose`: the user has closed it. */
  show(id: string, look: ToastLook, onClose: () => void = () => {}): void {
    // of the ids that are forgotten first, an update makes this the last
    this.#shown.delete(id);
    this.#shown.add(id);
    // a failure that is tried again is none any more
    this.#failures.delete(id);
    const onCloseByUser = () => {
      this.#forget(id);
      onClose();
    };
    this.#adapter.show({ ...look, id, onClose: onCloseByUser });
    if (look.kind === 'error') this.#keepFailure(id);
  }

  dismiss(id: string): void {
    this.#forget(id);
    this.#adapter.dismiss(id);
  }

  /** Takes everything away, these toasts too. */
  clear(others: readonly string[]): void {
    // what was shown is forgotten in the end, and what stays until it is closed may be older
    const all = new Set([...this.#shown.values(), ...this.#failures, ...others]);
    for (const id of all) this.dismiss(id);
  }

  #keepFailure(id: string): void {
    this.#failures.add(id);
    const [oldest] = this.#failures;
    if (this.#failures.size > MAX_FAILURES && oldest !== undefined) this.dismiss(oldest);
  }

  #forget(id: string): void {
    this.#shown.delete(id);
    this.#failures.delete(id);
  }
}
