/** Longer than the others need to hear of what happened, and to ask. */
const HELD_MS = 5000;

/**
 * Asks for the right to show something that one of the browser's tabs is enough for: the first one that
 * asks for this name gets it, and keeps it for a few seconds. Without locks, everyone gets it.
 */
export function claim(name: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks as LockManager | undefined;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = (lock: Lock | null) => {
      resolve(lock !== null);
      return lock && new Promise((release) => setTimeout(release, HELD_MS));
    };
    // refused where a page has no storage: then it is alone
    locks.request(name, { ifAvailable: true }, hold).catch(() => resolve(true));
  });
}
