import { isOperationType, type OperationDefinition } from '@trunkline/contract';
import { ulid } from 'ulid';
import { InvalidInputError, InvalidOperationError } from './errors.ts';
import { labelOf } from './handlers.ts';
import { toJson, toText } from './json.ts';
import type { OperationPrincipal } from './principal.ts';
import type { StartOptions } from './start-options.ts';
import type { NewOperation } from './store.ts';

const MAX_INPUT_BYTES = 256 * 1024;
const MAX_LABELS = 20;
const DEFAULT_ATTEMPTS = 3;
const KNOWN_OPTIONS: ReadonlySet<string> = new Set([
  'as',
  'userId',
  'tenantId',
  'input',
  'label',
  'labels',
  'refresh',
  'audience',
  'idempotencyKey',
  'cancellable',
  'retryable',
  'durable',
  'maxAttempts',
  'ephemeral',
  'completed',
  'tx',
]);

/** A type as its definition: the one that was given, or registered, or one that says nothing. */
export function definitionOf<Input, Result>(
  type: string | OperationDefinition<Input, Result>,
  registered: (type: string) => OperationDefinition | undefined,
): OperationDefinition<Input, Result> {
  const definition = typeof type === 'string' ? (registered(type) ?? { type }) : type;
  if (isOperationType(definition?.type)) return definition as OperationDefinition<Input, Result>;
  throw new InvalidOperationError(
    `An operation type is 1 to 100 of a-z 0-9 . _ - like user-import, got ${JSON.stringify(definition?.type)}`,
  );
}

/** What else is known of a new operation. */
export interface Circumstances {
  readonly owner: OperationPrincipal;
  readonly state: NewOperation['state'];
  readonly workerId: string | null;
  readonly parentId: string | null;
  /** Is there somebody who could do the work again? */
  readonly hasHandler: boolean;
}

/** The row of a new operation. Throws `InvalidOperationError` for options that cannot be meant. */
export function newOperation(
  definition: OperationDefinition,
  options: StartOptions,
  circumstances: Circumstances,
): NewOperation {
  checkOptions(options);
  const { hasHandler, ...known } = circumstances;
  const { durable = false, audience = 'owner' } = options;
  const label: unknown = options.label ?? labelOf(definition);
  if (typeof label !== 'string') throw wrong('label', 'a text', label);
  const isRetryable = (options.retryable ?? definition.retryable ?? false) && hasHandler;
  return {
    ...known,
    id: ulid(),
    type: definition.type,
    label: toText(label, 200),
    labels: checkedLabels(options.labels),
    maxAttempts: durable ? (options.maxAttempts ?? DEFAULT_ATTEMPTS) : 1,
    input: checkedInput(definition.type, options.input),
    audience,
    refresh: [...new Set(options.refresh ?? definition.refresh ?? [])],
    isDurable: durable,
    isEphemeral: options.ephemeral ?? false,
    isCancellable: options.cancellable ?? definition.cancellable ?? true,
    isRetryable,
    idempotencyKey: options.idempotencyKey ?? null,
  };
}

function checkOptions(options: StartOptions): void {
  const unknown = Object.keys(options).filter((name) => !KNOWN_OPTIONS.has(name));
  if (unknown.length > 0) throw new InvalidOperationError(`Unknown options: ${unknown.join(', ')}`);
  const { audience = 'owner', idempotencyKey = 'k', maxAttempts = 1, refresh = [] } = options;
  const isRoles =
    typeof audience === 'object' && isTexts(audience?.roles) && audience.roles.length > 0;
  if (audience !== 'owner' && audience !== 'tenant' && !isRoles) {
    throw wrong('audience', "'owner', 'tenant' or { roles: ['admins'] }", audience);
  }
  const isKey = typeof idempotencyKey === 'string' && /^[^\0]{1,255}$/s.test(idempotencyKey);
  if (!isKey) {
    throw new InvalidInputError('An idempotency key is a text of 1 to 255 characters');
  }
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > 100) {
    throw wrong('maxAttempts', 'a whole number from 1 to 100', maxAttempts);
  }
  if (!isTexts(refresh)) throw wrong('refresh', "the names of tables, e.g. ['users']", refresh);
}

function checkedLabels(labels: StartOptions['labels'] = {}): Readonly<Record<string, string>> {
  const entries = Object.entries(labels ?? {});
  const fits = ([key, value]: [string, unknown]) =>
    typeof value === 'string' && key.length <= 200 && value.length <= 200;
  if (!isObject(labels) || entries.length > MAX_LABELS || !entries.every(fits)) {
    throw wrong('labels', `at most ${MAX_LABELS} texts of at most 200 characters`, labels);
  }
  return labels;
}

function checkedInput(type: string, input: unknown): unknown {
  let text: string | null;
  try {
    text = toJson(input);
  } catch (cause) {
    throw new InvalidInputError(`The input of ${type} is no JSON`, { cause });
  }
  const bytes = text === null ? 0 : Buffer.byteLength(text);
  if (bytes <= MAX_INPUT_BYTES) return input;
  throw new InvalidInputError(
    `The input of ${type} has ${bytes} bytes, and at most ${MAX_INPUT_BYTES} are stored: store it yourself, and give the operation a reference to it`,
  );
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '');
}

function wrong(option: string, expected: string, got: unknown): InvalidOperationError {
  return new InvalidOperationError(`${option} is ${expected}, got ${JSON.stringify(got)}`);
}
