import { vi } from 'vitest';

/** Clocks and timers; promises and ticks stay as they are and settle between two timers. */
const FAKED = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'performance',
] as const;
const BEGINNING = Date.UTC(2030, 0, 1);

/**
 * Runs work in a time of its own, with numbers of its own: a second costs nothing, and the same
 * seed gives the same run to the last step. One at a time: clocks are the process's.
 */
export async function inVirtualTime<T>(random: () => number, work: () => Promise<T>): Promise<T> {
  const realRandom = Math.random;
  vi.useFakeTimers({ toFake: [...FAKED], now: BEGINNING });
  Math.random = random;
  try {
    return await work();
  } finally {
    Math.random = realRandom;
    vi.useRealTimers();
  }
}

/** Lets this much time pass, with all that happens in it. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Lets time pass until it is so, and no longer than that. */
export async function passUntil(isSo: () => boolean, maxMs: number): Promise<boolean> {
  const endsAt = performance.now() + maxMs;
  for (let ms = 1; !isSo(); ms = Math.min(2 * ms, MAX_STRIDE_MS)) {
    if (performance.now() >= endsAt) return false;
    await pass(ms);
  }
  return true;
}

/** Lets time pass until a work is done, and no longer than that. */
export async function passUntilDone(work: Promise<void>): Promise<void> {
  let isDone = false;
  const watching = Promise.allSettled([work]).finally(() => {
    isDone = true;
  });
  await passUntil(() => isDone, MAX_WORK_MS);
  await watching;
  await work;
}

const MAX_STRIDE_MS = 64;
const MAX_WORK_MS = 10_000;

/** Timers that have neither rung nor been cleared. */
export function pendingTimers(): number {
  return vi.getTimerCount();
}
