import { setTimeout as sleep } from 'node:timers/promises';
import { defineOperation, type OperationHandle } from '@trunkline/operations';
import { seeded } from '../../../packages/server/test/seeded.ts';
import type { Order } from './cast.ts';

/** What the work needs to know. */
export type WorkInput = Pick<Order, 'steps' | 'stepMs' | 'seed'>;

/** What it comes to. */
export interface WorkResult {
  readonly attempt: number;
  readonly steps: number;
}

export const plainWork = defineOperation<WorkInput, WorkResult>('lab-plain', { retryable: true });
export const durableWork = defineOperation<WorkInput, WorkResult>('lab-durable', {
  retryable: true,
});

const STAGES = ['reading', 'checking', 'writing', 'counting'];

/** All work of this process: it goes on step by step, and says so. */
export class Works {
  /** How often progress was told. */
  events = 0;
  /** How far each operation is, as it has said last. */
  readonly #told = new Map<string, number>();
  #go = Promise.resolve();
  #release = (): void => {};

  /** What begins waits before its first step, until `go`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#go = promise;
    this.#release = resolve;
  }

  go(): void {
    this.#release();
  }

  /** How many have begun. */
  get begun(): number {
    return this.#told.size;
  }

  /** How far they are on average. */
  get percentage(): number {
    const told = [...this.#told.values()];
    return told.reduce((sum, each) => sum + each, 0) / Math.max(1, told.length);
  }

  readonly work = async (operation: OperationHandle<WorkInput>): Promise<WorkResult> => {
    const { id, attempt, signal, input } = operation;
    const random = seeded(input.seed + attempt);
    this.#told.set(id, 0);
    await this.#go;
    for (let step = 1; step <= input.steps; step += 1) {
      const ms = input.stepMs * (0.5 + random());
      await sleep(ms, undefined, { signal });
      const percentage = (100 * step) / input.steps;
      const stage = STAGES[Math.ceil((STAGES.length * step) / input.steps) - 1] ?? '';
      this.#told.set(id, percentage);
      this.events += 1;
      await operation.progress({ percentage, stage, message: `Step ${step} of ${input.steps}` });
    }
    return { attempt, steps: input.steps };
  };
}
