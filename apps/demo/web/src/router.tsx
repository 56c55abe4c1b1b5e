import { type ComponentProps, type MouseEvent, useSyncExternalStore } from 'react';

/** The path of the page; the component follows the browser's buttons and `navigate`. */
export function usePath(): string {
  return useSyncExternalStore(onNavigation, () => location.pathname);
}

/** Goes to a path without loading the page anew. `replace` leaves nothing to go back to. */
export function navigate(path: string, { replace = false } = {}): void {
  if (path === location.pathname) return;
  if (replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  // the browser says it only of its own buttons
  dispatchEvent(new PopStateEvent('popstate'));
  if (!replace) scrollTo(0, 0);
}

interface LinkProps extends ComponentProps<'a'> {
  href: string;
}

/** A link inside the app: it can be opened in another tab, too. */
export function Link({ onClick, ...props }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    const isOrdinary = event.button === 0 && !hasModifier(event);
    if (event.defaultPrevented || !isOrdinary) return;
    event.preventDefault();
    navigate(props.href);
  };
  return <a {...props} onClick={follow} />;
}

function hasModifier(event: MouseEvent): boolean {
  return event.metaKey || event.ctrlKey || event.shiftKey || event.altKey;
}

function onNavigation(listener: () => void): () => void {
  addEventListener('popstate', listener);
  return () => removeEventListener('popstate', listener);
}
