import type { OperationDefinition } from '@trunkline/contract';
import type { Work } from './handlers.ts';
import type { StartOptions } from './start-options.ts';
import type { Progress } from './steps.ts';

/** What the end says beside the result. */
export interface Outcome {
  /** The last line for the user, when it succeeds. */
  readonly message?: string;
  /** Where the result is, when it is too large to be stored: a URL for example. */
  readonly resultRef?: string;
  /** Tables that it has changed beside those that were named at the start. */
  readonly refresh?: readonly string[];
}

/** A child's part of its parent's work. */
export interface ChildOptions<Input = unknown>
  extends Pick<
    StartOptions<Input>,
    'input' | 'label' | 'labels' | 'refresh' | 'cancellable' | 'completed'
  > {
  /** How much of the parent's progress it is, beside its siblings. Default 1. */
  readonly weight?: number;
}

/** An operation, in the hands of the code that does its work. */
export interface OperationHandle<Input = unknown> {
  readonly id: string;
  readonly type: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** What it was started with, as the definition's schema has let it through. */
  readonly input: Input;
  /**
   * Aborted when the work is to stop: its `reason` is an `OperationCancelledError`, a `LeaseLostError` or a
   * `ShutdownError`. `op.signal.throwIfAborted()` between two steps is enough; `fetch`, timers and streams
   * take it as it is.
   */
  readonly signal: AbortSignal;
  /**
   * Says how far the work is. Resolves at once and never rejects: it is written at most 4 times per second,
   * the newest first of all, and awaiting it costs nothing, in a transaction neither.
   */
  progress(progress: Progress): Promise<void>;
  /** Says how the end is to be told; later calls add to earlier ones. */
  setOutcome(outcome: Outcome): void;
  /**
   * Says what the children will weigh together, so that the first one to end does not look like all of
   * them. Default: what has been started so far.
   */
  expectChildren(totalWeight: number): void;
  /**
   * Runs a part of the work as an operation of its own, below this one: with its own progress, that counts
   * into this one's by its weight. Cancelling this one cancels it. Rejects as its work does.
   */
  run<ChildInput, ChildResult>(
    type: string | OperationDefinition<ChildInput, ChildResult>,
    options: ChildOptions<ChildInput>,
    work: Work<ChildInput, ChildResult>,
  ): Promise<ChildResult>;
}
