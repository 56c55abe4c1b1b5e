import { Inject } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import {
  defineOperation,
  type OperationDefinition,
  Operations,
  type StartOptions,
} from '@trunkline/operations';
import { inPlaceOf } from './in-place-of.ts';
import { ConfigurationError } from './options.ts';

/** Something that follows from the arguments of a call. */
type FromArguments<T> = (...args: never[]) => T;

/** How the calls of a method are run as operations. */
export interface OperationOptions
  extends Pick<
    StartOptions,
    'refresh' | 'audience' | 'cancellable' | 'retryable' | 'ephemeral' | 'completed'
  > {
  /** Its owner. Default: who acts now. */
  readonly userId?: FromArguments<string>;
  /** The owner's tenant, where nothing around the call says it. */
  readonly tenantId?: FromArguments<string>;
  /** What toasts and lists call it. Default: the definition's, else the type in words. */
  readonly label?: string | FromArguments<string>;
  /** Words of the app to find it by. */
  readonly labels?: StartOptions['labels'] | FromArguments<StartOptions['labels']>;
  /** The same key from the same owner is the same operation. */
  readonly idempotencyKey?: FromArguments<string | undefined>;
}

/** A method that can be an operation. */
type Async = (...args: never[]) => Promise<unknown>;

/** A decorator that only fits such a method. */
type AsyncDecorator = <T extends Async>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

type Method = (this: object, ...args: unknown[]) => Promise<unknown>;

/** What `@Operation` has noted of a method. */
export interface OperationMark {
  readonly definition: OperationDefinition;
  readonly options: OperationOptions;
  /** The method itself: calling it starts no operation. */
  readonly method: Method;
  /** Is it the handler of its type, too? */
  readonly isHandler: boolean;
}

/** Metadata key, on the method's function. */
const OPERATION = 'trunkline:operation';
/** Where Nest puts what finds the operations of the application that an instance belongs to. */
const MODULE_REF: unique symbol = Symbol('trunkline:module-ref');

/**
 * Makes each call of a provider's method an operation of who acts: it shows as a toast, refreshes tables, can
 * be cancelled; `currentOperation()` is its handle. The method's result and errors stay its own.
 *
 * `retryable` stores the arguments as JSON, and a user may have the method called with them again. With a
 * definition the method does the work of that type wherever it is started; where the definition has an
 * `input` schema, that is its one argument.
 */
export function Operation(
  type: string | OperationDefinition,
  options: OperationOptions = {},
): AsyncDecorator {
  const definition = typeof type === 'string' ? defineOperation(type, fixedIn(options)) : type;
  const isHandler = typeof type !== 'string' || options.retryable === true;
  return (target, name, descriptor) => {
    const method: unknown = descriptor.value;
    if (typeof method !== 'function' || typeof target !== 'object') {
      throw new TypeError(
        `@Operation('${definition.type}') stands before a method of a provider's instances`,
      );
    }
    const mark: OperationMark = { definition, options, method: method as Method, isHandler };
    const running = inPlaceOf(
      method as Method,
      runningAs(mark, `${target.constructor.name}.${String(name)}`),
    );
    Reflect.defineMetadata(OPERATION, mark, running);
    Inject(ModuleRef)(target, MODULE_REF);
    descriptor.value = running as never;
  };
}

/** What `@Operation` has noted of a function. */
export function operationMarkOf(method: object): OperationMark | undefined {
  return Reflect.getOwnMetadata(OPERATION, method) as OperationMark | undefined;
}

/** The arguments of the method for an input that was stored. */
export function argumentsFor({ definition }: OperationMark, input: unknown): unknown[] {
  if (definition.input) return [input];
  return Array.isArray(input) ? input : [];
}

function runningAs(mark: OperationMark, name: string): Method {
  const { definition, method } = mark;
  return async function (...args) {
    const operations = operationsOf(this, name);
    return await operations.run(definition, startOptions(mark, args), (operation) =>
      method.apply(this, definition.input ? [operation.input] : args),
    );
  };
}

function operationsOf(instance: object | undefined, name: string): Operations {
  const { [MODULE_REF]: moduleRef } = (instance ?? {}) as { readonly [MODULE_REF]?: ModuleRef };
  if (!moduleRef) {
    throw new ConfigurationError(
      `${name} has @Operation, but Nest has not made the instance that it was called on: list the class itself among the providers, instead of useFactory or useValue`,
    );
  }
  try {
    return moduleRef.get<Operations>(Operations, { strict: false });
  } catch (cause) {
    const what = `${name} has @Operation, but there are no operations: write OperationsModule.forRoot({ database }) once, in the imports of the app's module`;
    throw new ConfigurationError(what, { cause });
  }
}

/** What does not depend on a call. */
function fixedIn(options: OperationOptions): Omit<OperationDefinition, 'type'> {
  const { label, refresh, retryable, cancellable, completed } = options;
  return {
    ...(typeof label === 'string' ? { label } : {}),
    ...(refresh === undefined ? {} : { refresh }),
    ...(retryable === undefined ? {} : { retryable }),
    ...(cancellable === undefined ? {} : { cancellable }),
    ...(completed === undefined ? {} : { completed }),
  };
}

function startOptions({ definition, options }: OperationMark, args: unknown[]): StartOptions {
  const { userId, tenantId, label, labels, idempotencyKey, ...fixed } = options;
  const from = <T>(value: T | FromArguments<T> | undefined): T | undefined =>
    typeof value === 'function' ? (value as (...all: unknown[]) => T)(...args) : value;
  // An id that is missing must not look as if none had been asked for.
  const id = (value: FromArguments<string>) => from(value) ?? (null as unknown as string);
  const isStored = options.retryable ?? definition.retryable ?? false;
  const ownLabel = from(label);
  const ownLabels = from<StartOptions['labels']>(labels);
  return {
    ...fixed,
    ...(userId ? { userId: id(userId) } : {}),
    ...(tenantId ? { tenantId: id(tenantId) } : {}),
    ...(ownLabel === undefined ? {} : { label: ownLabel }),
    ...(ownLabels === undefined ? {} : { labels: ownLabels }),
    idempotencyKey: from(idempotencyKey),
    ...(definition.input ? { input: args[0] } : isStored ? { input: given(args) } : {}),
  };
}

/** The arguments, without what would be `null` in JSON and is as good as left out. */
function given(args: readonly unknown[]): readonly unknown[] {
  return args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
}
