// The routes of operations in an OpenAPI document, where `@nestjs/swagger` is installed.
import { Controller, Module, Post } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import {
  defineOperation,
  IdempotencyKey,
  Operations,
  OperationsModule,
  type OperationsModuleOptions,
  StartsOperation,
  WebSocketModule,
} from '@trunkline/nestjs';
import { describe, expect, test } from 'vitest';
import { moduleOptions, type Platform, platforms, startApp, testingModule } from './harness.ts';

const database = { isExclusive: true, query: () => {}, transaction: () => {} };
const userImport = defineOperation('user-import');

@Controller('users')
class UsersController {
  constructor(private readonly operations: Operations) {}

  @Post('import')
  @StartsOperation()
  async import(@IdempotencyKey() idempotencyKey?: string) {
    return await this.operations.start('user-import', { idempotencyKey }, () => 1);
  }
}

@Module({ controllers: [UsersController] })
class UsersModule {}

/** The document of an application whose operations are not really there. */
async function documentOf(platform: Platform, options: object = {}): Promise<OpenAPIObject> {
  const module = OperationsModule.forRoot({
    database,
    ...options,
  } as unknown as OperationsModuleOptions);
  const builder = testingModule(WebSocketModule.forRoot(moduleOptions()), module, UsersModule);
  const { app } = await startApp(platform, builder.overrideProvider(Operations).useValue({}));
  const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
  await app.close();
  return document;
}

interface Route {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: string[];
  readonly parameters?: { name: string; in: string; schema: object }[];
  readonly responses: Record<string, { headers?: object; content?: object }>;
  readonly requestBody?: object;
}

interface Schema {
  readonly required: string[];
  readonly properties: Record<string, object>;
}

const routesIn = ({ paths }: OpenAPIObject) =>
  Object.fromEntries(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods as Record<string, Route>).map(([method, route]) => [
        `${method.toUpperCase()} ${path}`,
        route,
      ]),
    ),
  ) as Record<string, Route>;

const snapshot = {
  'application/json': { schema: { $ref: '#/components/schemas/OperationSnapshot' } },
};

describe.each(platforms)('on %s', (platform) => {
  test('each route says what it does, takes and answers', async () => {
    const routes = routesIn(await documentOf(platform, { http: { start: [userImport] } }));
    const said = Object.entries(routes)
      .filter(([name]) => name.includes('/operations'))
      .map(([name, { operationId, parameters = [], responses }]) => [
        name,
        operationId,
        parameters.map(({ in: where, name: parameter }) => `${where} ${parameter}`).toSorted(),
        Object.keys(responses).join(' '),
      ]);
    expect(said).toEqual([
      [
        'POST /operations',
        'startOperation',
        ['header Idempotency-Key'],
        '202 400 401 403 404 415 422 429 503',
      ],
      [
        'GET /operations',
        'listOperations',
        [
          ...['query before', 'query labels', 'query limit', 'query owner', 'query ownerId'],
          ...['query parentId', 'query state', 'query type'],
        ],
        '200 400 401 503',
      ],
      ['GET /operations/{id}', 'getOperation', ['path id'], '200 401 404 503'],
      [
        'GET /operations/{id}/wait',
        'waitForOperation',
        ['path id', 'query timeout'],
        '200 400 401 404 503',
      ],
      ['POST /operations/{id}/cancel', 'cancelOperation', ['path id'], '202 401 403 404 409 503'],
      ['POST /operations/{id}/retry', 'retryOperation', ['path id'], '202 401 403 404 409 503'],
    ]);
    for (const [name, { summary, tags }] of Object.entries(routes)) {
      if (!name.includes('/operations')) continue;
      expect(summary).not.toBe('');
      expect(tags).toEqual(['operations']);
    }
  });

  test('answers are operations, with where they are and when to come back', async () => {
    const document = await documentOf(platform, { http: { start: [userImport] } });
    const routes = routesIn(document);
    const start = routes['POST /operations'];
    expect(start?.responses['202']).toMatchObject({
      headers: { Location: { schema: { type: 'string' } } },
      content: snapshot,
    });
    expect(start?.responses['503']).toMatchObject({ headers: { 'Retry-After': {} } });
    expect(start?.requestBody).toMatchObject({
      content: {
        'application/json': {
          schema: {
            required: ['type'],
            properties: { type: { enum: ['user-import'] }, input: {} },
          },
        },
      },
    });
    expect(routes['POST /operations/{id}/retry']?.responses['202']?.headers).toHaveProperty(
      'Location',
    );
    expect(routes['POST /operations/{id}/cancel']?.responses['202']).not.toHaveProperty('headers');
    expect(routes['GET /operations/{id}']?.responses['200']?.content).toEqual(snapshot);
    expect(routes['GET /operations']?.responses['200']?.content).toEqual({
      'application/json': { schema: { $ref: '#/components/schemas/OperationList' } },
    });
    expect(routes['GET /operations']?.parameters).toContainEqual(
      expect.objectContaining({ name: 'labels', style: 'deepObject', explode: true }),
    );
  });

  test('the schemas say what an operation is', async () => {
    const { components } = await documentOf(platform);
    const schemas = (components?.schemas ?? {}) as Record<string, Schema>;
    const { OperationSnapshot, OperationList, OperationFailure, HttpError } = schemas;
    expect(OperationSnapshot?.required.toSorted()).toEqual(
      [
        ...['id', 'type', 'label', 'state', 'seq', 'attempt', 'maxAttempts', 'ownerId', 'audience'],
        ...[
          'labels',
          'isDurable',
          'isCancellable',
          'isRetryable',
          'isSeen',
          'createdAt',
          'updatedAt',
        ],
      ].toSorted(),
    );
    expect(OperationSnapshot?.properties).toMatchObject({
      percentage: { type: 'number', minimum: 0, maximum: 100 },
      seq: { type: 'integer' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      audience: { oneOf: [{ enum: ['owner', 'tenant'] }, { required: ['roles'] }] },
      createdAt: { type: 'integer', format: 'int64' },
    });
    expect(JSON.stringify(OperationSnapshot?.properties['error'])).toContain('OperationFailure');
    expect(JSON.stringify(OperationSnapshot?.properties['state'])).toContain('OperationState');
    expect(OperationList?.required).toEqual(['operations', 'now']);
    expect(OperationFailure?.required).toEqual(['code', 'message', 'retryable']);
    expect(HttpError?.required).toEqual(['statusCode', 'message']);
  });

  test('what starts nothing has no such route, and two applications have their own paths', async () => {
    const one = routesIn(await documentOf(platform, { http: { start: [userImport] } }));
    const two = routesIn(await documentOf(platform, { http: { path: 'jobs' } }));
    expect(Object.keys(two).filter((name) => name.includes('jobs'))).toHaveLength(5);
    expect(Object.keys(two)).not.toContain('POST /jobs');
    expect(two['GET /jobs']?.parameters).toEqual(one['GET /operations']?.parameters);
    expect(routesIn(await documentOf(platform, { http: false }))).not.toHaveProperty(
      'GET /operations',
    );
  });

  test('a route of the app that starts one is described as one', async () => {
    const document = await documentOf(platform, { http: false });
    expect(Object.keys(document.components?.schemas ?? {}).toSorted()).toEqual([
      ...['HttpError', 'OperationFailure', 'OperationSnapshot', 'OperationState'],
    ]);
    const route = routesIn(document)['POST /users/import'];
    expect(route?.responses['202']).toMatchObject({ headers: { Location: {} }, content: snapshot });
    expect(Object.keys(route?.responses ?? {})).toEqual([
      '202',
      '400',
      '401',
      '403',
      '422',
      '429',
      '503',
    ]);
    expect(route?.parameters).toMatchObject([
      { name: 'Idempotency-Key', in: 'header', required: false },
    ]);
  });
});
