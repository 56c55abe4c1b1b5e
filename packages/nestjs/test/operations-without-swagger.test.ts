// Everything is there without `@nestjs/swagger`, but for its document.
import { Controller, Post } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { defineOperation, IdempotencyKey, Operations, StartsOperation } from '@trunkline/nestjs';
import { expect, test, vi } from 'vitest';
import { platforms } from './harness.ts';
import { embeddedDatabase, operationIn, serveOperations } from './operations-harness.ts';

vi.mock('node:module', async (original) => {
  const absent = () => {
    throw Object.assign(new Error('Cannot find module'), { code: 'MODULE_NOT_FOUND' });
  };
  const createRequire = () => Object.assign(absent, { resolve: absent });
  return Object.assign({}, await original<object>(), { createRequire });
});

const store = embeddedDatabase();
const reindex = defineOperation('reindex');

@Controller('users')
class UsersController {
  constructor(private readonly operations: Operations) {}

  @Post('import')
  @StartsOperation()
  async import(@IdempotencyKey() idempotencyKey: string | undefined) {
    return await this.operations.start('user-import', { idempotencyKey }, () => 1);
  }
}

test.each(platforms)('the routes on %s are those that there are with it', async (platform) => {
  const app = await serveOperations(
    platform,
    { database: store.database, http: { start: [reindex] } },
    {},
    {
      controllers: [UsersController],
      handlers: (operations) => void operations.handle(reindex, () => 1),
    },
  );
  const headers = { 'idempotency-key': '"k"' };
  for (const [path, body] of [
    ['/operations', { type: 'reindex' }],
    ['/users/import', {}],
  ] as const) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await app.ask(path, 'bob', { method: 'POST', body, headers });
    const { id } = operationIn(answer);
    expect([answer.status, answer.headers.get('location')]).toEqual([202, `/operations/${id}`]);
    // oxlint-disable-next-line no-await-in-loop
    const done = await app.ask(`/operations/${id}/wait`, 'bob');
    expect(operationIn(done).state).toBe('succeeded');
  }
  // the mock has kept it away: nothing of it was noted
  const document = SwaggerModule.createDocument(app.app, new DocumentBuilder().build());
  expect(JSON.stringify(document)).not.toMatch(/OperationSnapshot|startOperation|Idempotency-Key/);
});
