const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/** When nobody wants the answer any more, and who is told that there was none. */
export interface Persistence {
  readonly isOver: () => boolean;
  readonly onFailure?: (error: unknown) => void;
}

/** Does something until it does not fail, later each time; `undefined`: it was over before that. */
export async function persistently<T>(
  task: () => Promise<T>,
  { isOver, onFailure }: Persistence,
): Promise<T | undefined> {
  for (let pauseMs = FIRST_PAUSE_MS; !isOver(); ) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one try after the other
      return await task();
    } catch (error) {
      onFailure?.(error);
    }
    const waitMs = pauseMs;
    // oxlint-disable-next-line no-await-in-loop -- with a pause between them
    await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
  return undefined;
}
