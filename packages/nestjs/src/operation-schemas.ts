import type * as Swagger from '@nestjs/swagger';
import type {
  OperationFailure,
  OperationList,
  OperationSnapshot,
  OperationState,
} from '@trunkline/contract';

// What stands for the contract's types in an OpenAPI document: it knows classes alone.

export class OperationSnapshotSchema {}
export class OperationListSchema {}
export class HttpErrorSchema {}
class OperationFailureSchema {}

type Property = Swagger.ApiPropertyOptions;
type Properties<T> = { readonly [K in keyof Required<T>]: Property };

const TEXT = { type: String } as const;
const FLAG = { type: Boolean } as const;
const WHOLE = { type: 'integer', minimum: 1 } as const;
// Beside `oneOf` it stands for no type at all; without it swagger looks for a class.
const UNTYPED = { type: Array } as const;
const TIME = { type: 'integer', format: 'int64' } as const;

const STATES: readonly OperationState[] = [
  ...(['queued', 'running', 'cancelling'] as const),
  ...(['succeeded', 'failed', 'cancelled', 'crashed'] as const),
];

const snapshot: Properties<OperationSnapshot> = {
  id: { ...TEXT, description: 'A ULID: later ones sort behind earlier ones' },
  type: { ...TEXT, example: 'user-import' },
  label: { ...TEXT, description: 'What users call it', example: 'User Import' },
  state: { enum: [...STATES], enumName: 'OperationState' },
  seq: { ...WHOLE, description: 'Number of its last update' },
  attempt: { ...WHOLE, description: 'Which try this is' },
  maxAttempts: WHOLE,
  percentage: optional({ type: Number, minimum: 0, maximum: 100, description: 'Absent: unknown' }),
  stage: optional({ ...TEXT, description: 'The step that runs now' }),
  message: optional({ ...TEXT, description: 'The last line for the user' }),
  result: optional(anything('What the work returned; absent when that is large, see resultRef')),
  resultRef: optional({ ...TEXT, description: 'Where a result is that is larger than 16 KiB' }),
  error: optional({ type: () => OperationFailureSchema }),
  ownerId: TEXT,
  audience: { ...audience(), description: 'Who may see it, beside its owner' },
  labels: { type: 'object', additionalProperties: { type: 'string' } },
  parentId: optional(TEXT),
  isDurable: { ...FLAG, description: 'Does it go on in another process when its own dies?' },
  isCancellable: { ...FLAG, description: 'May it be cancelled now?' },
  isRetryable: { ...FLAG, description: 'Can it be tried again, now that it has ended?' },
  isSeen: { ...FLAG, description: 'Has its owner seen how it ended?' },
  createdAt: { ...TIME, description: 'Milliseconds since 1970' },
  startedAt: optional(TIME),
  updatedAt: TIME,
  finishedAt: optional(TIME),
};

const failure: Properties<OperationFailure> = {
  code: { ...TEXT, description: 'cancelled, crashed, internal, or the app’s own' },
  message: { ...TEXT, description: 'For the user' },
  retryable: FLAG,
  correlationId: optional({ ...TEXT, description: 'Finds the error in the server’s log' }),
};

const list: Properties<OperationList> = {
  operations: { type: () => OperationSnapshotSchema, isArray: true },
  next: optional({ ...TEXT, description: '"before" of the next list; absent: there is none' }),
  now: { ...TIME, description: 'When this was true, by the server’s clock' },
};

const httpError: Properties<{ statusCode: number; message: string; error: string }> = {
  statusCode: { type: 'integer' },
  message: TEXT,
  error: optional(TEXT),
};

/** Tells swagger what the schemas are. Once more changes nothing. */
export function describeSchemas(swagger: typeof Swagger): void {
  describe(swagger, OperationFailureSchema, 'OperationFailure', failure);
  describe(swagger, OperationSnapshotSchema, 'OperationSnapshot', snapshot);
  describe(swagger, OperationListSchema, 'OperationList', list);
  describe(swagger, HttpErrorSchema, 'HttpError', httpError);
}

function describe(
  { ApiProperty, ApiSchema }: typeof Swagger,
  schema: new () => object,
  name: string,
  properties: Readonly<Record<string, Property>>,
): void {
  ApiSchema({ name })(schema);
  for (const [property, options] of Object.entries(properties)) {
    ApiProperty(options)(schema.prototype as object, property);
  }
}

function optional(property: Property): Property {
  return { ...property, required: false } as Property;
}

function anything(description: string): Property {
  return { ...UNTYPED, description, oneOf: [{}] };
}

function audience(): Property {
  const roles = { type: 'array', items: { type: 'string' } } as const;
  return {
    ...UNTYPED,
    oneOf: [
      { type: 'string', enum: ['owner', 'tenant'] },
      { type: 'object', required: ['roles'], properties: { roles } },
    ],
  };
}
