import type { ToastAdapter, ToastView } from './toast-adapter.ts';

/** A small toast list for pages without a toast library. */
export function createDomToasts(): ToastAdapter {
  const toasts = new Map<string, DomToast>();
  const remove = (id: string) => {
    toasts.get(id)?.remove();
    toasts.delete(id);
  };
  return {
    dismiss: remove,
    show(view) {
      let toast = toasts.get(view.id);
      if (!toast) {
        toast = new DomToast(remove);
        toasts.set(view.id, toast);
      }
      toast.update(view);
    },
  };
}

const CONTAINER =
  'position:fixed;right:1rem;bottom:1rem;z-index:2147483000;display:flex;flex-direction:column;' +
  'gap:.5rem;width:min(22rem,calc(100vw - 2rem));margin:0;padding:0;list-style:none';
const TOAST =
  'position:relative;padding:.75rem 2.5rem .75rem 1rem;border:1px solid;border-radius:.5rem;' +
  'background:Canvas;color:CanvasText;font:14px/1.4 system-ui,sans-serif;box-shadow:0 4px 12px #0003';
const ACTION =
  'margin-top:.5rem;padding:.25rem .75rem;border:1px solid;border-radius:.375rem;' +
  'background:none;color:inherit;font:inherit;cursor:pointer';
const CLOSE =
  'position:absolute;top:.25rem;right:.25rem;width:2rem;height:2rem;border:0;background:none;' +
  'color:inherit;font:inherit;cursor:pointer';
const HIDDEN =
  'position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap';
const ANNOUNCE_AFTER_MS = 100;
const COLORS = { running: '#8888', success: '#1a7f37', error: '#cf222e', cancelled: '#8888' };

class DomToast {
  readonly #item = element('li', TOAST);
  // what is seen is not said: a percentage would be read out four times a second
  readonly #title = visible(element('div', 'font-weight:600'));
  readonly #description = visible(element('div', 'opacity:.8'));
  readonly #progress = element('progress', 'display:none;width:100%;margin-top:.5rem');
  readonly #announcement = element('span', HIDDEN);
  readonly #action = element('button', ACTION);
  readonly #close = element('button', CLOSE);
  readonly #remove: (id: string) => void;
  /** What keeps it on the screen: the pointer, the focus. */
  readonly #holds = new Set<string>();
  #view: ToastView | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #announceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(remove: (id: string) => void) {
    this.#remove = remove;
    const close = this.#close;
    close.type = 'button';
    close.textContent = '×';
    close.addEventListener('click', () => this.#closeByUser());
    this.#holdBetween('pointerenter', 'pointerleave');
    this.#holdBetween('focusin', 'focusout');
    const action = this.#action;
    action.type = 'button';
    action.addEventListener('click', () => this.#view?.action?.onClick());
    this.#item.append(this.#title, this.#description, this.#progress, this.#announcement, close);
    container().append(this.#item);
  }

  update(view: ToastView): void {
    this.#view = view;
    this.#item.dataset['kind'] = view.kind;
    this.#item.dataset['toastId'] = view.id;
    this.#item.style.borderColor = COLORS[view.kind];
    setText(this.#title, view.title);
    this.#close.setAttribute('aria-label', `Close: ${view.title}`);
    setText(this.#description, view.description);
    // a screen reader announces changes of what it knows, not what comes with its own list
    this.#announceTimer ??= setTimeout(() => this.#announce(), ANNOUNCE_AFTER_MS);
    this.#updateProgress(view);
    this.#updateAction(view);
    this.#startTimer();
  }

  remove(): void {
    this.#stopTimer();
    clearTimeout(this.#announceTimer);
    this.#item.remove();
  }

  #updateAction({ action, title }: ToastView): void {
    const button = this.#action;
    if (!action) {
      button.remove();
      return;
    }
    setText(button, action.label);
    button.setAttribute('aria-label', `${action.label}: ${title}`);
    // moved, it would lose the focus
    if (!button.isConnected) this.#close.before(button);
  }

  #updateProgress({ kind, announcement, title, percentage }: ToastView): void {
    const bar = this.#progress;
    bar.style.display = kind === 'running' ? 'block' : 'none';
    bar.setAttribute('role', 'progressbar');
    bar.setAttribute('aria-label', announcement === '' ? title : announcement);
    bar.max = 100;
    if (percentage === undefined) {
      bar.removeAttribute('value');
      bar.removeAttribute('aria-valuenow');
    } else {
      bar.value = percentage;
      bar.setAttribute('aria-valuenow', String(percentage));
    }
  }

  #announce(): void {
    this.#announceTimer = undefined;
    setText(this.#announcement, this.#view?.announcement ?? '');
  }

  #holdBetween(start: string, end: string): void {
    this.#item.addEventListener(start, () => {
      this.#holds.add(start);
      this.#stopTimer();
    });
    this.#item.addEventListener(end, () => {
      this.#holds.delete(start);
      this.#startTimer();
    });
  }

  #startTimer(): void {
    this.#stopTimer();
    const view = this.#view;
    if (this.#holds.size > 0) return;
    if (!view || !Number.isFinite(view.durationMs)) return;
    this.#timer = setTimeout(() => this.#remove(view.id), view.durationMs);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
  }

  #closeByUser(): void {
    if (!this.#view) return;
    this.#remove(this.#view.id);
    this.#view.onClose();
  }
}

/** One list for all clients of the page. */
function container(): HTMLElement {
  const existing = document.querySelector<HTMLElement>('[data-trunkline-toasts]');
  if (existing) return existing;
  const list = element('ol', CONTAINER);
  list.dataset['trunklineToasts'] = '';
  list.setAttribute('aria-label', 'Notifications');
  list.setAttribute('aria-live', 'polite');
  list.setAttribute('aria-relevant', 'additions text');
  document.body.append(list);
  return list;
}

function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  css: string,
): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag);
  created.style.cssText = css;
  return created;
}

function visible<E extends HTMLElement>(target: E): E {
  target.setAttribute('aria-hidden', 'true');
  return target;
}

/** Only real changes: the same text set again would be announced again. */
function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
