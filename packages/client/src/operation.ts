import {
  type EventFor,
  type EventScope,
  type OperationFailure,
  type OperationState,
  operationLabel,
} from '@trunkline/contract';

/** An event of an operation. */
export type OperationEvent = EventFor<'operation:*'>;

/** What is known of a long-running operation. */
export interface Operation {
  readonly id: string;
  readonly type: string;
  /** What it is called; where nobody has said, the type in words: `user-import` → `User Import`. */
  readonly label: string;
  readonly state: OperationState;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** How many tries it has, as far as the server says. */
  readonly maxAttempts: number;
  /** 0 to 100; never falls within an attempt. Absent: unknown. */
  readonly percentage?: number;
  readonly stage?: string;
  /** The last line for the user: of the progress, or of the end. */
  readonly message?: string;
  readonly result?: unknown;
  /** Where a result is that is too large to be here. */
  readonly resultRef?: string;
  readonly error?: Partial<OperationFailure> & { readonly message: string };
  /** Whom its events are addressed to. */
  readonly scope: EventScope;
  /** Does the server keep it? Then it is found again, and may be cancelled and retried. */
  readonly isStored: boolean;
  /** Number of its last update, of a stored one. */
  readonly seq?: number;
  /** Whose it is, of a stored one. */
  readonly ownerId?: string;
  readonly parentId?: string;
  /** May it be cancelled now? */
  readonly isCancellable: boolean;
  /** Can it be tried again, now that it has ended? */
  readonly isRetryable: boolean;
  /** Has its owner seen how it ended? */
  readonly isSeen: boolean;
  /** Milliseconds since 1970; where the server has not said, when this page first heard of it. */
  readonly createdAt: number;
  /** Milliseconds since 1970. */
  readonly finishedAt?: number;
  /** Silent for two minutes; a stored one never is, because the server watches over it. */
  readonly isStalled: boolean;
  /** When its last news arrived, milliseconds since 1970. */
  readonly heardAt: number;
}

/** Is it this user's own: started by them, or, where the server keeps none, addressed to them? */
export function isOwnOperation({ ownerId, scope }: Operation, userId: string): boolean {
  return ownerId === undefined ? scope === 'user' : ownerId === userId;
}

/** A kind of operation: its type, or what `defineOperation` has made of it. */
export type OperationKind = string | { readonly type: string; readonly label?: string | undefined };

/** The type of a kind. */
export function kindType(kind: OperationKind): string {
  return typeof kind === 'string' ? kind : kind.type;
}

/** The operation by the name that a definition gives to its kind, unless it has one of its own. */
export function named(operation: Operation, kinds: readonly OperationKind[]): Operation {
  const { type, state, message } = operation;
  const label = kinds.map((kind) => labelOf(kind, type)).find((given) => given !== undefined);
  if (label === undefined || operation.label !== operationLabel(type)) return operation;
  const isOwn = message !== endMessage(operation.label, state);
  return { ...operation, label, ...(isOwn ? {} : { message: endMessage(label, state) }) };
}

function labelOf(kind: OperationKind, type: string): string | undefined {
  return typeof kind === 'object' && kind.type === type ? kind.label : undefined;
}

/** The last words of an operation that has none of its own. */
export function endMessage(label: string, state: OperationState): string {
  if (state === 'succeeded') return `${label} completed`;
  if (state === 'cancelled') return `${label} cancelled`;
  return state === 'crashed' ? `${label} was interrupted` : `${label} failed`;
}

/** Apps write the metadata themselves, and a toast of anything but a text breaks the page. */
export function ownMessage({ metadata }: OperationEvent): string | undefined {
  const message: unknown = metadata?.message;
  return typeof message === 'string' ? message : undefined;
}

/** A text, or nothing: what is to be shown comes from elsewhere. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Never back: the higher of two percentages, where there are any. */
export function highest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}

type Known<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that have a value: an absent one and an undefined one would not be the same operation. */
export function present<T extends object>(fields: T): Known<T> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Known<T>;
}
