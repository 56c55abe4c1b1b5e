import { Deadline } from './deadline.ts';

/** Settles as `work` does, or rejects with `onTimeout()` after that many milliseconds. */
export async function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number,
  onTimeout: () => Error,
): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const deadline = new Deadline();
  deadline.set(timeoutMs, () => reject(onTimeout()));
  try {
    return await Promise.race([work, timeout]);
  } finally {
    deadline.clear();
  }
}
