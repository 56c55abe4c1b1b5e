/** What a connection wants to know of its page. */
export interface PageListener {
  /** The user is back: the tab became visible, got the focus, was restored, or is online again. */
  onReturn(): void;
  /** The device went online or offline. */
  onNetwork(): void;
}

/** Watches the page until the returned function is called; does nothing without a page. */
export function watchPage(listener: PageListener): () => void {
  if (typeof window === 'undefined') return () => {};
  const stop = new AbortController();
  const { signal } = stop;
  const onReturn = () => {
    if (!isPageHidden()) listener.onReturn();
  };
  for (const type of ['focus', 'pageshow', 'online']) {
    window.addEventListener(type, onReturn, { signal });
  }
  document.addEventListener('visibilitychange', onReturn, { signal });
  window.addEventListener('online', () => listener.onNetwork(), { signal });
  window.addEventListener('offline', () => listener.onNetwork(), { signal });
  return () => stop.abort();
}

/** Is nobody looking at this page? */
export function isPageHidden(): boolean {
  return typeof document !== 'undefined' && document.visibilityState === 'hidden';
}

/** Does the browser know that there is no network? */
export function isDeviceOffline(): boolean {
  return typeof navigator !== 'undefined' && !(navigator.onLine ?? true);
}
