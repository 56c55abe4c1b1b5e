import { toPercentage } from '@trunkline/contract';
import { toText } from './json.ts';
import type { ProgressColumns } from './transitions.ts';

/** How far the work is. Everything is optional; what is left out stays as it was. */
export interface Progress {
  /** 0 to 100. */
  readonly percentage?: number;
  /** The step that runs now, e.g. `validating`. A change of it is never left out. At most 100 characters. */
  readonly stage?: string;
  /** One line for the user. At most 1,000 characters. */
  readonly message?: string;
}

const MAX_STEPS = 50;

/** What of the progress is not written yet: of each stage in a row the newest. */
export class Steps {
  #steps: ProgressColumns[] = [];

  get isEmpty(): boolean {
    return this.#steps.length === 0;
  }

  add(step: ProgressColumns): void {
    this.#append(step);
  }

  /** All of them, oldest first; none is left. */
  take(): ProgressColumns[] {
    const taken = this.#steps;
    this.#steps = [];
    return taken;
  }

  /** Puts back in front what could not be written. */
  putBack(steps: readonly ProgressColumns[]): void {
    const newer = this.take();
    for (const step of [...steps, ...newer]) this.#append(step);
  }

  #append(step: ProgressColumns): void {
    const last = this.#steps.at(-1);
    const isSameStage = last && (step.stage === undefined || step.stage === last.stage);
    if (isSameStage) this.#steps[this.#steps.length - 1] = { ...last, ...step };
    else this.#steps.push(step);
    if (this.#steps.length > MAX_STEPS) this.#steps.shift();
  }
}

/** What several steps come to. */
export function sumOf(steps: readonly ProgressColumns[]): ProgressColumns {
  return Object.assign({}, ...steps) as ProgressColumns;
}

/** Progress never fails the work: what is no text or number is left out. */
export function toColumns(progress: Progress): ProgressColumns {
  const { percentage, stage, message } = fieldsOf(progress);
  const number = toPercentage(percentage);
  return {
    ...(number === undefined ? {} : { percentage: number }),
    ...(typeof stage === 'string' ? { stage: toText(stage, 100) } : {}),
    ...(typeof message === 'string' ? { message: toText(message, 1000) } : {}),
  };
}

function fieldsOf(progress: unknown): Partial<Record<keyof Progress, unknown>> {
  try {
    const { percentage, stage, message } = (progress ?? {}) as Progress;
    return { percentage, stage, message };
  } catch {
    return {};
  }
}
