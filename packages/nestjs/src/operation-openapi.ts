import type { Type } from '@nestjs/common';
import type * as Swagger from '@nestjs/swagger';
import {
  describeSchemas,
  HttpErrorSchema,
  OperationListSchema,
  OperationSnapshotSchema,
} from './operation-schemas.ts';
import { swagger } from './swagger.ts';

// What is known of the routes in an OpenAPI document. Without `@nestjs/swagger` all of it does nothing.

const ERRORS = {
  400: 'Something of the request is not what it has to be; the message names it',
  401: 'Nobody is logged in',
  403: 'A support view changes nothing',
  404: 'There is no such operation, or it is not for the caller',
  409: 'The operation does not stand so that this could be done',
  415: 'The body is no JSON',
  422: 'The Idempotency-Key has already started an operation with another input',
  429: 'The user or the tenant has too many operations that have not ended',
  503: 'The database is away, or the server is being stopped: try again later',
} as const;
type Status = keyof typeof ERRORS;

const STARTING: readonly Status[] = [400, 401, 403, 422, 429, 503];
const LOCATION = {
  description: 'The path of the operation',
  schema: { type: 'string', format: 'uri-reference' },
};

/** A method decorator: a route that answers with the operation that it has started. */
export const describeStart: MethodDecorator = (target, name, descriptor) => {
  const api = described();
  if (!api) return;
  const decorators = [
    accepted(api, 'The operation has been started', LOCATION),
    ...errors(api, STARTING),
  ];
  for (const decorator of decorators) decorator(target, name, descriptor);
};

/** Describes the header that a route reads. */
export function describeIdempotencyKey(target: object, name: string | symbol): void {
  const api = swagger();
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  if (api && descriptor) idempotencyKey(api)(target, name, descriptor);
}

/** Describes the routes of a controller, of which these types can be started. */
export function describeRoutes(controller: Type, startable: readonly string[]): void {
  const api = described();
  if (!api) return;
  api.ApiTags('operations')(controller);
  const prototype = controller.prototype as object;
  for (const [name, decorators] of Object.entries(routes(api, startable))) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    if (!descriptor) continue;
    for (const decorator of decorators) decorator(prototype, name, descriptor);
  }
}

/** Swagger, knowing the schemas; `null`: the app has none. */
function described(): typeof Swagger | null {
  const api = swagger();
  if (api) describeSchemas(api);
  return api;
}

function routes(
  api: typeof Swagger,
  startable: readonly string[],
): Readonly<Record<string, readonly MethodDecorator[]>> {
  const { ApiOkResponse } = api;
  const id = api.ApiParam({
    name: 'id',
    description: 'Its id, a ULID',
    schema: { type: 'string' },
  });
  const found = ApiOkResponse({ type: OperationSnapshotSchema, description: 'As it stands' });
  return {
    list: [
      summary(api, 'listOperations', 'The operations that the caller may see, newest first'),
      ...filters(api),
      ApiOkResponse({ type: OperationListSchema }),
      ...errors(api, [400, 401, 503]),
    ],
    find: [
      summary(api, 'getOperation', 'An operation, as it stands'),
      ...[id, found, ...errors(api, [401, 404, 503])],
    ],
    wait: [
      summary(api, 'waitForOperation', 'An operation, when it has ended or the time is over'),
      api.ApiQuery({
        name: 'timeout',
        required: false,
        description: 'Seconds; at most 60 are waited',
        schema: { type: 'integer', minimum: 0, default: 30 },
      }),
      ...[id, found, ...errors(api, [400, 401, 404, 503])],
    ],
    cancel: [
      summary(api, 'cancelOperation', 'Asks an operation to stop, wherever it runs'),
      accepted(api, 'It is being cancelled, or was before it had begun'),
      ...[id, ...errors(api, [401, 403, 404, 409, 503])],
    ],
    retry: [
      summary(api, 'retryOperation', 'Tries an operation again that has ended without success'),
      accepted(api, 'Its next attempt has been started', LOCATION),
      ...[id, ...errors(api, [401, 403, 404, 409, 503])],
    ],
    start: [
      summary(api, 'startOperation', 'Starts an operation'),
      idempotencyKey(api),
      startBody(api, startable),
      accepted(api, 'It has been started, or was by the same Idempotency-Key', LOCATION),
      ...errors(api, [...STARTING, 404, 415]),
    ],
  };
}

function filters({ ApiQuery }: typeof Swagger): MethodDecorator[] {
  const text = (name: string, description: string) =>
    ApiQuery({ name, required: false, description, schema: { type: 'string' } });
  const limit = { type: 'integer', minimum: 1, maximum: 200, default: 50 } as const;
  const labels = { type: 'object', additionalProperties: { type: 'string' } } as const;
  return [
    text('state', 'active (has not ended), ended, or one state'),
    text('type', 'E.g. user-import'),
    ApiQuery({
      name: 'owner',
      required: false,
      description: 'The caller’s own',
      schema: { type: 'string', enum: ['me'] },
    }),
    text('ownerId', 'Those of one user'),
    text('parentId', 'The parts of one operation'),
    text('before', 'Older ones than this: "next" of the list before'),
    ApiQuery({ name: 'limit', required: false, schema: limit }),
    ApiQuery({
      name: 'labels',
      required: false,
      description: 'Those that have all of these labels: labels[file]=users.csv',
      style: 'deepObject',
      explode: true,
      schema: labels,
    }),
  ];
}

function summary(
  { ApiOperation }: typeof Swagger,
  operationId: string,
  text: string,
): MethodDecorator {
  return ApiOperation({ operationId, summary: text });
}

function accepted(
  { ApiAcceptedResponse }: typeof Swagger,
  description: string,
  location?: typeof LOCATION,
): MethodDecorator {
  const headers = location ? { headers: { Location: LOCATION } } : {};
  return ApiAcceptedResponse({ type: OperationSnapshotSchema, description, ...headers });
}

function errors({ ApiResponse }: typeof Swagger, statuses: readonly Status[]): MethodDecorator[] {
  const headers = {
    'Retry-After': { description: 'Seconds', schema: { type: 'integer' as const } },
  };
  return statuses.map((status) =>
    ApiResponse({
      status,
      description: ERRORS[status],
      type: HttpErrorSchema,
      ...(status === 503 ? { headers } : {}),
    }),
  );
}

function idempotencyKey({ ApiHeader }: typeof Swagger): MethodDecorator {
  return ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'The same key from the same user is the same operation, for 24 hours',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  });
}

function startBody({ ApiBody }: typeof Swagger, startable: readonly string[]): MethodDecorator {
  return ApiBody({
    schema: {
      type: 'object',
      required: ['type'],
      properties: {
        type: { type: 'string', enum: [...startable] },
        input: { description: 'What the work needs' },
      },
    },
  });
}
