import type { OperationDefinition } from '@trunkline/contract';
import { type Job, type Processor, UnrecoverableError } from 'bullmq';
import type { AttemptFate } from './attempt-options.ts';
import { OperationCancelledError, UserFacingError } from './errors.ts';
import type { OperationHandle } from './handle.ts';
import type { Operations } from './operations.ts';
import type { OperationPrincipal } from './principal.ts';
import type { StartOptions } from './start-options.ts';
import type { Progress } from './steps.ts';

const MIRROR_INTERVAL_MS = 250;

/** How a job becomes an operation. */
export interface ProcessorOptions<Data, Input>
  extends Pick<StartOptions, 'refresh' | 'audience' | 'cancellable'> {
  /** Whose operation it is: on their behalf the work runs. The same for all attempts of the job. */
  readonly owner: (job: Job<Data>) => OperationPrincipal;
  /** What the work gets. Default: the job's data. */
  readonly input?: (job: Job<Data>) => Input;
  /** What toasts and lists call it. Default: the definition's. */
  readonly label?: (job: Job<Data>) => string;
}

/**
 * A processor for a BullMQ worker of your own: each job runs as an operation, with all its attempts. BullMQ
 * stays who decides when and where; a cancelled operation, and a `UserFacingError` that is not retryable, is
 * the job's last attempt.
 */
export function operationProcessor<Input, Result, Data = Input>(
  operations: Pick<Operations, 'attempt'>,
  definition: OperationDefinition<Input, Result>,
  work: (operation: OperationHandle<Input>, job: Job<Data>) => Result | Promise<Result>,
  options: ProcessorOptions<Data, Input>,
): Processor<Data, Result> {
  // BullMQ gives the signal only to who declares all three
  return async (job, _token, signal) => {
    const { owner, input, label, ...rest } = options;
    let running: OperationHandle<Input> | undefined;
    try {
      return await operations.attempt(
        definition,
        {
          ...rest,
          ...identityOf(job),
          ...(label && { label: label(job) }),
          as: owner(job),
          input: input ? input(job) : (job.data as unknown as Input),
          fateOf: (error) => fateOf(error, job),
          onProgress: mirrorTo(job),
          signal,
        },
        (operation) => {
          running = operation;
          return work(operation, job);
        },
      );
    } catch (error) {
      if (!isOver(error, running?.signal)) throw error;
      throw Object.assign(new UnrecoverableError((error as Error).message), { cause: error });
    }
  };
}

/** Job ids begin at 1 again in a Redis that was emptied, and one's own may be used again: its time tells them apart. */
function identityOf(job: Job): { key: string; attempt: number; maxAttempts: number } {
  const { id = '', timestamp, queueQualifiedName, attemptsStarted, attemptsMade } = job;
  return {
    key: `bullmq:${queueQualifiedName}:${id}:${timestamp}`,
    // one more each time that a worker begins, also behind one that has died
    attempt: attemptsStarted,
    maxAttempts: attemptsStarted + triesOf(job) - attemptsMade - 1,
  };
}

function triesOf({ opts }: Job): number {
  return Math.max(1, opts.attempts ?? 1);
}

/** Errors by which a job only says that it goes on later. */
const POSTPONING = ['DelayedError', 'RateLimitError', 'WaitingError', 'WaitingChildrenError'];

function fateOf(error: unknown, job: Job): AttemptFate {
  const name = error instanceof Error ? error.name : '';
  if (POSTPONING.includes(name)) return 'postponed';
  if (name === 'UnrecoverableError') return 'last';
  return job.attemptsMade + 1 < triesOf(job) ? 'retried' : 'last';
}

/** Has the operation ended with this error, whatever tries the job has left? */
function isOver(error: unknown, signal: AbortSignal | undefined): boolean {
  const isCancelled = [error, signal?.reason].some(
    (reason) => reason instanceof OperationCancelledError,
  );
  return isCancelled || (error instanceof UserFacingError && !error.retryable);
}

/** The job's own progress, for who looks at BullMQ: at most 4 times a second, the newest. */
function mirrorTo(job: Job): (progress: Progress) => void {
  let latest: Progress = {};
  let isWaiting = false;
  const write = async () => {
    isWaiting = false;
    await job.updateProgress({ ...latest }).catch(() => {
      // the operation has it
    });
  };
  return (progress) => {
    latest = { ...latest, ...progress };
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(() => void write(), MIRROR_INTERVAL_MS).unref();
  };
}
