import type { OperationDefinition } from '@trunkline/contract';
import type { AttemptFate } from './attempt-options.ts';
import type { Creation } from './creation.ts';
import type { Database } from './database.ts';
import type { Engine } from './engine.ts';
import {
  InvalidOperationError,
  OperationCancelledError,
  OperationNotFoundError,
} from './errors.ts';
import type { Work } from './handlers.ts';
import type { OperationPrincipal } from './principal.ts';
import type { OperationRow } from './row.ts';
import type { StartOptions } from './start-options.ts';
import type { Progress } from './steps.ts';
import { findOperation } from './store.ts';
import { beginAttempt } from './transitions.ts';

/** An attempt that a job queue of the app's own has brought. */
export interface JobAttemptOptions<Input = unknown>
  extends Pick<
    StartOptions<Input>,
    'input' | 'label' | 'labels' | 'refresh' | 'audience' | 'cancellable'
  > {
  /** What stands for the job, the same for all its attempts and for no other job. At most 255 characters. */
  readonly key: string;
  /** Which try of the job this is, from 1. */
  readonly attempt: number;
  /** How many tries the job has, this one and the earlier ones included. */
  readonly maxAttempts: number;
  /** What the queue does when the work ends with an error. Default: it brings the job again until the last try. */
  readonly fateOf?: (error: unknown) => AttemptFate;
  /** Aborted when the queue wants the work to stop; that does not cancel the operation. */
  readonly signal?: AbortSignal | undefined;
  /** Told of progress too: the queue's own. */
  readonly onProgress?: (progress: Progress) => void;
}

/** An attempt of a job of somebody's. */
type OwnedJobAttempt = JobAttemptOptions & { readonly owner: OperationPrincipal };

/** What attempts of jobs are run with. */
export interface JobAttemptContext {
  readonly database: Database;
  readonly engine: Engine;
  readonly creation: Creation;
}

/** Runs one attempt of a job: the first makes its operation, later ones go on with it. */
export async function runJobAttempt<Result>(
  definition: OperationDefinition,
  options: OwnedJobAttempt,
  work: Work<never, Result>,
  { database, engine, creation }: JobAttemptContext,
): Promise<Result> {
  const { input, signal: stopSignal, onProgress, attempt, maxAttempts } = options;
  if (!Number.isInteger(attempt) || attempt < 1) {
    throw new InvalidOperationError(`attempt is a whole number from 1, got ${String(attempt)}`);
  }
  const { id } = await operationOf(definition, options, creation);
  const row = await engine.withLease((workerId) =>
    beginAttempt(database, { id, attempt, workerId }, maxAttempts),
  );
  if (!row) return resultOf(await findOperation(database, id), { id, attempt }) as Result;
  const byCount = () => (attempt < maxAttempts ? 'retried' : 'last');
  const fateOf = options.fateOf ?? byCount;
  const running = { row, definition, input, stopSignal, fateOf, ...(onProgress && { onProgress }) };
  return await engine.runAsOwner(running, work);
}

/** The job has its input itself, and may change it from one attempt to the next: it is not stored again. */
async function operationOf(
  definition: OperationDefinition,
  options: OwnedJobAttempt,
  creation: Creation,
): Promise<OperationRow['snapshot']> {
  const { input: _input, ...withoutInput } = definition;
  const { key, owner } = options;
  const told = ['label', 'labels', 'refresh', 'audience', 'cancellable'] as const;
  const words = Object.fromEntries(
    told.filter((word) => options[word] !== undefined).map((word) => [word, options[word]]),
  );
  const start: StartOptions = { ...words, idempotencyKey: key };
  const { row } = await creation.create(withoutInput, start, { owner, state: 'queued' });
  return row.snapshot;
}

/** How the operation stands that this attempt could not go on with. */
function resultOf(
  row: OperationRow | null,
  { id, attempt }: { id: string; attempt: number },
): unknown {
  if (!row) throw new OperationNotFoundError(id);
  const { state, result, attempt: latest } = row.snapshot;
  if (state === 'succeeded') return result;
  if (state === 'cancelled' || state === 'cancelling') throw new OperationCancelledError();
  throw new Error(
    `Attempt ${attempt} of ${id} cannot begin: it is ${state}, with attempt ${latest}`,
  );
}
