import { expect } from 'vitest';

/** What must become so, however slow the machine is. */
// oxlint-disable-next-line vitest/require-awaited-expect-poll -- by who calls it
export const expectSoon = <T>(value: () => T) => expect.poll(value, { timeout: 15_000 });
