import type { OperationAudience } from '@trunkline/contract';
import type { Queryable } from './database.ts';

/** Whose an operation is, and how it is to run. */
export interface StartOptions<Input = unknown> {
  /** Its owner. Default: who acts now. */
  readonly userId?: string;
  /** The owner's tenant, where nothing around the call says it. Another tenant than the context's rejects. */
  readonly tenantId?: string;
  /** What the work needs, as JSON of at most 256 KiB. */
  readonly input?: Input;
  /** What toasts and lists call this one. Default: the definition's, else the type in words. */
  readonly label?: string;
  /** Words of the app to find it by, e.g. `{ file: 'users.csv' }`: at most 20, each of at most 200 characters. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Tables whose rows it changes, refreshed when it ends. Default: the definition's. */
  readonly refresh?: readonly string[];
  /** Who may see it, beside its owner. Default: nobody. */
  readonly audience?: OperationAudience;
  /** The same key from the same owner is the same operation, until 24 hours after its end. At most 255 characters. */
  readonly idempotencyKey?: string | undefined;
  /** May a user cancel it? Default: the definition's, else `true`. */
  readonly cancellable?: boolean;
  /** May a user try it again? Default: the definition's, else `false`. Needs a handler of its type. */
  readonly retryable?: boolean;
  /** Goes on in another process when its own dies. Needs a handler and a runner. Default `false`. */
  readonly durable?: boolean;
  /** How often a durable one is tried, by itself. Default 3. */
  readonly maxAttempts?: number;
  /** Neither keep nor tell the result, a secret for instance: who awaits `run` has it. Default `false`. */
  readonly ephemeral?: boolean;
  /** The last line for the user when it has succeeded. Default: the definition's. */
  readonly completed?: string | ((result: never) => string);
  /**
   * The app's own transaction: the operation exists if it commits. Until then nobody sees it, and the work
   * of `start` does not begin.
   */
  readonly tx?: Queryable;
}
