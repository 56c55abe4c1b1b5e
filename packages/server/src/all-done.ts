/** Awaits all of them, and then throws what one has failed with: none of them goes on behind its caller. */
export async function allDone(works: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(works);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

/** Does something behind a work, whatever has become of that. */
export async function behind(work: Promise<unknown>, next: () => Promise<void>): Promise<void> {
  await Promise.allSettled([work]);
  await next();
}
