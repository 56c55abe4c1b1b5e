import { useCallback, useState } from 'react';

const MAX_KEPT = 100;

/** What the user has put away in this tab, over reloads: their ids, and how one more is added. */
export function useDismissed(name: string): [ReadonlySet<string>, (id: string) => void] {
  const key = `demo-dismissed-${name}`;
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(() => new Set(read(key)));
  const dismiss = useCallback(
    (id: string) => {
      // read again: another part of the page may have the same list
      const ids = [...new Set([...read(key), id])].slice(-MAX_KEPT);
      sessionStorage.setItem(key, JSON.stringify(ids));
      setDismissed(new Set(ids));
    },
    [key],
  );
  return [dismissed, dismiss];
}

function read(key: string): string[] {
  return JSON.parse(sessionStorage.getItem(key) ?? '[]') as string[];
}
