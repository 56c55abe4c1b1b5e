import type { AccessOptions, MayControl, OperationContext } from './access.ts';
import type { PublishOperation } from './announcer.ts';
import type { Database } from './database.ts';
import type { OperationHints } from './hints.ts';
import type { OperationLimits } from './limits.ts';
import type { OperationLog } from './log.ts';
import type { OperationPrincipal } from './principal.ts';
import type { Runner } from './runner.ts';

/** What operations are kept in, and whom they are told to. */
export interface OperationsOptions {
  readonly database: Database;
  /** Tells whom an update concerns. It is asked again, with the newest update, until it says `true`. */
  readonly publish: PublishOperation;
  /** Tells other processes with the same database at once what they would find out in a second. Default: none. */
  readonly hints?: OperationHints | undefined;
  /** Where durable operations wait: pg-boss or BullMQ. Default: none is durable. */
  readonly runner?: Runner | undefined;
  /** On whose behalf calls are made. Default: each says so itself, with `as`. */
  readonly context?: OperationContext | undefined;
  /** Roles whose holders see and control every operation of their realm. Default `['admins']`. */
  readonly adminRoles?: readonly string[] | undefined;
  /** Who may cancel and retry what they see, beside those roles. Default: its owner. */
  readonly mayControl?: MayControl | undefined;
  readonly limits?: Partial<OperationLimits> | undefined;
  /** Takes no durable work before `begin()`, because the app is not ready for it. Default `false`. */
  readonly isPaused?: boolean | undefined;
  /** Default: warnings and errors as lines of JSON on standard error. */
  readonly log?: OperationLog | undefined;
}

/** How long to wait, and for whom. */
export interface WaitOptions extends AccessOptions {
  readonly timeoutMs?: number;
  /** Nobody waits any longer when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Whose an operation is, where no context says it. */
export interface OwnerOption {
  readonly as?: OperationPrincipal;
}
