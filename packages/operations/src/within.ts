/** Node.js takes a longer timer for one of no time at all. */
export const LONGEST_TIMER_MS: number = 2 ** 31 - 1;

/** Waits for something, but not longer; says whether it was there in time. Rejects as it does. */
export async function within(limitMs: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), Math.min(limitMs, LONGEST_TIMER_MS));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
