/** A schema of any library that speaks Standard Schema (https://standardschema.dev): Zod, Valibot, ArkType, … */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value: the value that it makes of it, or what is wrong. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One thing that is wrong with a value, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What is known of a kind of operation before there is one; the same object behind and in front. */
export interface OperationDefinition<Input = unknown, Result = unknown> {
  /** E.g. `user-import`: 1 to 100 of `a-z 0-9 . _ -`. */
  readonly type: string;
  /** What toasts and lists call it. Default: the type in words, `User Import`. */
  readonly label?: string;
  /** What the input must be. Checked before anything is stored. Default: anything that is JSON. */
  readonly input?: StandardSchema<Input>;
  /** What the work must return. Another result is a failure of the work. Default: anything that is JSON. */
  readonly result?: StandardSchema<Result>;
  /** The tables whose rows it changes: refreshed when it ends, however it ends. */
  readonly refresh?: readonly string[];
  /** May a user try it again when it has ended without success? Needs a handler. Default `false`. */
  readonly retryable?: boolean;
  /** May a user cancel it? Default `true`. */
  readonly cancellable?: boolean;
  /** The last line for the user when it has succeeded. Default: `{label} completed`. */
  readonly completed?: string | Telling<Result>;
}

// A method's parameter, so that a definition of any result is one of `unknown`.
type Telling<Result> = { tell(result: Result): string }['tell'];

const OPERATION_TYPE = /^[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?$/;

/** Is this an operation's type: 1 to 100 of `a-z 0-9 . _ -`, a letter or digit at both ends? */
export function isOperationType(type: unknown): type is string {
  return typeof type === 'string' && OPERATION_TYPE.test(type);
}

/**
 * Says once what a kind of operation is, for the service that does the work and for the page that shows
 * it. Throws a `TypeError` for a type that is none.
 */
export function defineOperation<Input = unknown, Result = unknown>(
  type: string,
  options: Omit<OperationDefinition<Input, Result>, 'type'> = {},
): OperationDefinition<Input, Result> {
  if (!isOperationType(type)) {
    throw new TypeError(
      `An operation type is 1 to 100 of a-z 0-9 . _ - like user-import, got ${JSON.stringify(type)}`,
    );
  }
  return Object.freeze({ type, ...options });
}
