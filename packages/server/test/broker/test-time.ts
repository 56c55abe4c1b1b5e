import { setTimeout as delay } from 'node:timers/promises';
import { vi } from 'vitest';

/** How time passes for an engine. */
export interface TestTime {
  /** Milliseconds of one unit, which is long beside what a busy machine takes for a few calls. */
  readonly unitMs: number;
  /** From here on it passes only as it is told, where that can be had. */
  begin(): void;
  pass(units: number): Promise<void>;
  /** Resolves as the work does. */
  settle<T>(work: Promise<T>): Promise<T>;
}

/** The time of an engine inside this process. */
export const fakeTime: TestTime = {
  unitMs: 1_000,
  begin: () => void vi.useFakeTimers(),
  pass: async (units) => {
    await vi.advanceTimersByTimeAsync(units * 1_000);
  },
  settle: async (work) => {
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(20);
    return await work;
  },
};

/** The time of an engine that has a clock of its own: there is nothing but to wait. */
export const realTime: TestTime = {
  unitMs: 150,
  begin: () => {},
  pass: async (units) => await delay(units * 150),
  settle: async (work) => await work,
};
