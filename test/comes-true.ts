import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again until it is so; `false`: it has not come to that in time. */
export async function comesTrue(
  limitMs: number,
  isSo: () => boolean | Promise<boolean>,
  everyMs = 50,
): Promise<boolean> {
  const begin = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begin > limitMs) return false;
    await sleep(everyMs);
  }
  return true;
}
