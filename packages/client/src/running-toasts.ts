import { Pace } from './pace.ts';
import type { ToastScreen } from './toast-screen.ts';
import { summaryLook, type ToastLook } from './toast-text.ts';

/** What the toasts of running operations are made of. */
export interface RunningToastsContext {
  readonly screen: ToastScreen;
  /** The id of an operation's toast. */
  readonly toastId: (operationId: string) => string;
  /** The id of the toast that counts the others, the nth of them. */
  readonly summaryId: (appearance: number) => string;
  /** How an operation's toast looks now; `null`: nothing is known of it. */
  readonly look: (operationId: string) => ToastLook | null;
  readonly backgroundLook: (operationId: string) => ToastLook | null;
  /** Shows those that there is no room for. */
  readonly onShowAll: () => (() => void) | undefined;
}

/** How the toast of an operation begins. */
export interface RunningToastStart {
  /** It has been running before the page was there: at once, and without a word. */
  readonly isFound?: boolean;
  /** A toast of it is on the screen already, and becomes this one. */
  readonly isInPlace?: boolean;
}

/** The toast of an operation that is under way. */
interface RunningToast {
  readonly paint: Pace;
  readonly revealTimer: ReturnType<typeof setTimeout> | undefined;
  /** What a screen reader need not say: it was so before. */
  readonly unsaid: string | null;
  /** Old enough to be shown. */
  isDue: boolean;
  isVisible: boolean;
}

const REVEAL_AFTER_MS = 400;
const PAINT_INTERVAL_MS = 250;
const MAX_RUNNING = 3;

/** The toasts of operations that are under way: three at a time, and one that counts the others. */
export class RunningToasts {
  readonly #context: RunningToastsContext;
  readonly #toasts = new Map<string, RunningToast>();
  /** Operations whose running toast the user has closed. */
  readonly #dismissed = new Set<string>();
  readonly #summary = new Pace(PAINT_INTERVAL_MS, () => this.#paintSummary());
  #summaryId: string | null = null;
  #isSummaryDismissed = false;
  #appearances = 0;

  constructor(context: RunningToastsContext) {
    this.#context = context;
  }

  has(id: string): boolean {
    return this.#toasts.has(id);
  }

  ids(): string[] {
    return [...this.#toasts.keys()];
  }

  /** Shows the operation's news, or begins with it. */
  update(id: string, { isFound = false, isInPlace = false }: RunningToastStart = {}): void {
    if (this.#dismissed.has(id)) return;
    const toast = this.#toasts.get(id);
    if (toast?.isVisible) toast.paint.request();
    if (toast) return;
    const isDue = isFound || isInPlace;
    const reveal = () => this.#reveal(id);
    this.#toasts.set(id, {
      paint: new Pace(PAINT_INTERVAL_MS, () => this.#paint(id)),
      revealTimer: isDue ? undefined : setTimeout(reveal, REVEAL_AFTER_MS),
      unsaid: isFound ? (this.#context.look(id)?.announcement ?? null) : null,
      isDue,
      isVisible: isInPlace,
    });
    if (isInPlace) this.#paint(id);
    if (isDue) this.layout();
  }

  /** Shows what has changed without news, at once. */
  repaint(id: string): void {
    const toast = this.#toasts.get(id);
    if (toast?.isVisible) toast.paint.runNow();
  }

  /** It runs no more, or is not shown as running: its toast, if there is one, is the caller's. */
  stop(id: string): boolean {
    const toast = this.#toasts.get(id);
    if (!toast) return false;
    clearTimeout(toast.revealTimer);
    toast.paint.stop();
    return this.#toasts.delete(id);
  }

  /** Removes the toast of an operation that is not known any more. */
  remove(id: string): void {
    this.#dismissed.delete(id);
    if (!this.stop(id)) return;
    this.#context.screen.dismiss(this.#context.toastId(id));
    this.layout();
  }

  /** Says for a moment that it goes on, instead of standing still. */
  freeze(id: string): void {
    const isVisible = this.#toasts.get(id)?.isVisible;
    this.stop(id);
    const look = this.#context.backgroundLook(id);
    if (isVisible && look) this.#context.screen.show(this.#context.toastId(id), look);
  }

  /** Had the user closed this operation's toast? From now on it counts as if not. */
  takeDismissal(id: string): boolean {
    return this.#dismissed.delete(id);
  }

  /** Gives free places to those that wait, oldest first; the rest is counted in the summary. */
  layout(): void {
    const due = [...this.#toasts.values()].filter(({ isDue }) => isDue);
    const free = MAX_RUNNING - due.filter(({ isVisible }) => isVisible).length;
    const waiting = due.filter(({ isVisible }) => !isVisible);
    for (const toast of waiting.slice(0, Math.max(0, free))) {
      toast.isVisible = true;
      toast.paint.request();
    }
    this.#summary.request();
  }

  hideSummary(): void {
    this.#summary.stop();
    this.#isSummaryDismissed = false;
    if (this.#summaryId !== null) this.#context.screen.dismiss(this.#summaryId);
    this.#summaryId = null;
  }

  clear(): void {
    for (const id of this.ids()) this.stop(id);
    this.#dismissed.clear();
    this.hideSummary();
  }

  #reveal(id: string): void {
    const toast = this.#toasts.get(id);
    if (toast) toast.isDue = true;
    this.layout();
  }

  #paint(id: string): void {
    const look = this.#context.look(id);
    const toast = this.#toasts.get(id);
    if (!look || !toast) return;
    const isSaid = look.announcement !== toast.unsaid;
    const announcement = isSaid ? look.announcement : '';
    const toastId = this.#context.toastId(id);
    this.#context.screen.show(toastId, { ...look, announcement }, () => this.#onClose(id));
  }

  #onClose(id: string): void {
    if (!this.stop(id)) return;
    this.#dismissed.add(id);
    this.layout();
  }

  #paintSummary(): void {
    const hidden = [...this.#toasts.values()].filter((toast) => toast.isDue && !toast.isVisible);
    if (hidden.length === 0) {
      this.hideSummary();
      return;
    }
    if (this.#isSummaryDismissed) return;
    // a new id each time: an adapter may still be taking the last one away
    this.#summaryId ??= this.#context.summaryId(++this.#appearances);
    const look = summaryLook(hidden.length, this.#context.onShowAll());
    this.#context.screen.show(this.#summaryId, look, () => {
      this.#isSummaryDismissed = true;
      this.#summaryId = null;
    });
  }
}
