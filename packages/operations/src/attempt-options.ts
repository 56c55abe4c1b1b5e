import type { OperationDefinition } from '@trunkline/contract';
import type { Announcer } from './announcer.ts';
import type { Attempt } from './attempt.ts';
import type { Database, Queryable } from './database.ts';
import type { ChildOptions } from './handle.ts';
import type { Work } from './handlers.ts';
import type { Journal } from './journal.ts';
import type { OperationLog } from './log.ts';
import type { OperationRow } from './row.ts';
import type { ProgressColumns, Tenure } from './transitions.ts';

/** What an attempt needs of the engine that it belongs to. */
export interface AttemptContext {
  readonly database: Database;
  readonly announcer: Announcer;
  readonly log: OperationLog;
  /** How long work that was cancelled may go on before that is said. */
  readonly cancelGraceMs: number;
  /** How long the caller waits for the end to be written, when the database is away. */
  readonly endWaitMs: number;
  /** Puts an attempt back as the next one; `false`: there is none, or it is not this process's any more. */
  readonly requeue: (tenure: Tenure, extraAttempts: 0 | 1) => Promise<boolean>;
  readonly runChild: RunChild;
}

/** Runs a part of an attempt's work as an operation of its own. */
type RunChild = <Input, Result>(
  parent: Attempt,
  type: string | OperationDefinition<Input, Result>,
  options: ChildOptions<Input>,
  work: Work<Input, Result>,
) => Promise<Result>;

/** Where an attempt tells how it goes. */
export type AttemptJournal = Pick<Journal, 'note' | 'end' | 'mute' | 'stop'>;

/** What follows an attempt that did not succeed: nothing, the next one, or the next without that this one has failed. */
export type AttemptFate = 'last' | 'retried' | 'postponed';

/** How to run the attempt of a row. */
export interface AttemptOptions {
  readonly row: OperationRow;
  readonly workerId: string;
  readonly definition: OperationDefinition;
  /** The app's transaction that the work is part of. */
  readonly transaction?: Queryable;
  /** Default: a `Journal`. */
  readonly journal?: AttemptJournal;
  /** As the schema has let it through. */
  readonly input: unknown;
  /** Told of progress too: the parent of a child. */
  readonly onProgress?: (progress: ProgressColumns) => void;
  /** Cancelled with it: the parent's signal. */
  readonly parentSignal?: AbortSignal;
  /** Tells the work to stop, for a reason that is not the operation's: of the queue that has brought the attempt. */
  readonly stopSignal?: AbortSignal | undefined;
  /** What follows when it ends with an error. Default: a durable one is tried as often as it may be. */
  readonly fateOf?: ((error: unknown) => AttemptFate) | undefined;
}
