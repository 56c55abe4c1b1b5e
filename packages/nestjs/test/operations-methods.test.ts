// `@Operation`: methods that are operations.
import {
  Controller,
  Get,
  Inject,
  Injectable,
  type ModuleMetadata,
  Post,
  Scope,
  SetMetadata,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  CallData,
  currentOperation,
  currentPrincipal,
  defineOperation,
  InvalidAddressError,
  InvalidOperationError,
  OnCall,
  Operation,
  Operations,
  PrincipalGuard,
  runAs,
  TenantRequiredError,
  UserFacingError,
} from '@trunkline/nestjs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connected, serveApp } from './harness.ts';
import { bob, embeddedDatabase, operationIn, serveOperations } from './operations-harness.ts';

const store = embeddedDatabase();

async function serve(metadata: ModuleMetadata, options: object = {}) {
  return await serveOperations('express', { database: store.database, ...options }, {}, metadata);
}

async function serveService<T>(service: Type<T>, options: object = {}) {
  const app = await serve({ providers: [service] }, options);
  return { ...app, service: app.app.get(service) };
}

const bobs = <T>(fn: () => T) => runAs(bob, fn);

@Injectable()
class UserService {
  #saved = 0;

  @Operation('user-import', { refresh: ['users'] })
  async importUsers(csvData: string, separator = ','): Promise<{ imported: number }> {
    const { id, type } = currentOperation();
    await currentOperation().progress({ percentage: 40, stage: 'importing' });
    this.#saved += csvData.split(separator).length;
    return await Promise.resolve({ imported: this.#saved, id, type } as { imported: number });
  }

  @Operation('user-export')
  async fail(): Promise<never> {
    await Promise.resolve();
    throw new UserFacingError('No rows');
  }
}

describe('a call of such a method', () => {
  test('is an operation of who acts, and has the method’s result', async () => {
    const { service, operations } = await serveService(UserService);
    const result = await bobs(() => service.importUsers('a,b,c'));
    expect(result).toMatchObject({ imported: 3, type: 'user-import' });
    expect(await bobs(() => service.importUsers('d;e', ';'))).toMatchObject({ imported: 5 });
    const { operations: stored } = await bobs(() => operations.list());
    expect(stored).toHaveLength(2);
    expect(stored[1]).toMatchObject({
      id: (result as unknown as { id: string }).id,
      ownerId: 'bob',
      label: 'User Import',
      state: 'succeeded',
      isRetryable: false,
    });
  });

  test('rejects as the method does', async () => {
    const { service, operations } = await serveService(UserService);
    await expect(bobs(() => service.fail())).rejects.toThrow(new UserFacingError('No rows'));
    expect((await bobs(() => operations.list())).operations).toMatchObject([
      { state: 'failed', error: { message: 'No rows' } },
    ]);
  });

  test('outside any tenant is an error that names the method', async () => {
    const { service } = await serveService(UserService);
    await expect(service.importUsers('a')).rejects.toThrow(TenantRequiredError);
    await expect(service.importUsers('a')).rejects.toThrow(/^operations\.run needs a tenant/);
  });

  test('says with its arguments whose it is, what it is called, and which it repeats', async () => {
    @Injectable()
    class ExportService {
      @Operation('export', {
        userId: (_table: string, userId: string) => userId,
        tenantId: () => 'acme',
        label: (table: string) => `Export of ${table}`,
        labels: (table: string) => ({ table }),
        idempotencyKey: (table: string) => table,
        audience: 'tenant',
        cancellable: false,
        completed: 'Your file is there',
      })
      async export(table: string, userId: string) {
        return await Promise.resolve(`${table} for ${userId}`);
      }
    }
    const { service, operations } = await serveService(ExportService);
    expect(await service.export('users', 'dan')).toBe('users for dan');
    expect(await service.export('users', 'dan')).toBe('users for dan');
    const { operations: stored } = await bobs(() => operations.list());
    expect(stored).toMatchObject([
      {
        ownerId: 'dan',
        label: 'Export of users',
        labels: { table: 'users' },
        audience: 'tenant',
        message: 'Your file is there',
      },
    ]);
    const nobody = undefined as unknown as string;
    await expect(service.export('rows', nobody)).rejects.toThrow(InvalidAddressError);
  });

  test('works in whatever Nest makes: request-scoped, transient, inherited, in a controller, for a call', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class ScopedService {
      @Operation('scoped')
      async work() {
        return await Promise.resolve(currentOperation().type);
      }
    }
    @Injectable()
    class Derived extends UserService {
      @Operation('derived')
      async more() {
        return await this.importUsers('a');
      }
    }
    @Injectable()
    class Calls {
      @OnCall('work')
      @Operation('called')
      async work(@CallData('name') name: string) {
        return await Promise.resolve(`${name} ${currentOperation().type}`);
      }

      @Operation('called-too')
      @OnCall('other')
      async other() {
        return await Promise.resolve(currentOperation().type);
      }
    }
    @Controller('work')
    class WorkController {
      constructor(@Inject(ScopedService) private readonly scoped: ScopedService) {}

      @Get()
      @UseGuards(PrincipalGuard)
      @Operation('routed')
      async route() {
        return [currentOperation().type, await this.scoped.work()];
      }
    }
    const app = await serve({
      providers: [ScopedService, Derived, Calls],
      controllers: [WorkController],
    });
    const routed = await app.ask('/work', 'bob');
    expect(JSON.parse(routed.text)).toEqual(['routed', 'scoped']);
    expect(await bobs(() => app.app.get(Derived).more())).toMatchObject({ type: 'user-import' });
    const client = await connected(app, 'bob');
    expect((await client.rpc('work', { name: 'x' })).data).toBe('x called');
    expect((await client.rpc('other', {})).data).toBe('called-too');
    const { operations: stored } = await bobs(() => app.operations.list());
    expect(stored.map(({ type }) => type).toSorted()).toEqual([
      ...['called', 'called-too', 'derived', 'routed', 'scoped', 'user-import'],
    ]);
  });

  test('of one application is none of the other', async () => {
    const [one, two] = [await serveService(UserService), await serveService(UserService)];
    await one.app.close();
    await expect(bobs(() => one.service.importUsers('a'))).rejects.toThrow('being stopped');
    expect(await bobs(() => two.service.importUsers('a'))).toMatchObject({ imported: 1 });
  });

  test('leaves what other decorators have noted where it was, on either side', () => {
    const Note = (value: string) => SetMetadata('note', value);
    class Noted {
      @Note('above')
      @Operation('one')
      async one(_a: number, _b: number) {
        await Promise.resolve();
      }

      @Operation('two')
      @Note('below')
      async two() {
        await Promise.resolve();
      }
    }
    const noted = (name: 'one' | 'two') => {
      const method: (...args: never[]) => unknown = Noted.prototype[name];
      return [new Reflector().get<string>('note', method), method.name, method.length];
    };
    expect(noted('one')).toEqual(['above', 'one', 2]);
    expect(noted('two')).toEqual(['below', 'two', 0]);
  });

  test('on an instance that Nest has not made says so', async () => {
    const made = { provide: 'made', useFactory: () => new UserService() };
    const app = await serve({ providers: [made] });
    const act = () => app.app.get<UserService>('made').importUsers('a');
    await expect(bobs(act)).rejects.toThrow(
      /^UserService\.importUsers has @Operation, but Nest has not made the instance/,
    );
    await expect(new UserService().importUsers('a')).rejects.toThrow(
      /Nest has not made the instance/,
    );
  });

  test('where there are no operations says so', async () => {
    const app = await serveApp('express', {}, { providers: [UserService] });
    await expect(bobs(() => app.app.get(UserService).importUsers('a'))).rejects.toThrow(
      /^UserService\.importUsers has @Operation, but there are no operations: write OperationsModule\.forRoot/,
    );
  });

  test('can be tried with operations that a test brings along', async () => {
    const calls: unknown[] = [];
    const run = async (definition: object, _options: object, work: (op: object) => unknown) => {
      calls.push(definition);
      return await work({});
    };
    const testing = await Test.createTestingModule({
      providers: [PlainService, { provide: Operations, useValue: { run } }],
    }).compile();
    expect(await testing.get(PlainService).add(1, 2)).toBe(3);
    expect(calls).toEqual([{ type: 'add' }]);
  });
});

@Injectable()
class PlainService {
  @Operation('add')
  async add(one: number, other: number) {
    return await Promise.resolve(one + other);
  }
}

describe('a retryable method', () => {
  @Injectable()
  class ImportService {
    readonly calls: unknown[] = [];

    @Operation('user-import', { retryable: true, label: 'Import' })
    async importUsers(csvData: string, options: { tags: string[] }, limit = 10) {
      const { attempt } = currentOperation();
      const principal = currentPrincipal();
      this.calls.push([csvData, options, limit, principal?.userId, principal?.roles]);
      await Promise.resolve();
      if (attempt === 1) throw new Error('the mail server is away');
      return attempt;
    }
  }

  test('is called again with the same arguments, as the owner, by whoever may', async () => {
    const app = await serveService(ImportService);
    const dan = { ...bob, userId: 'dan', roles: ['accounting'] };
    const call = runAs(dan, () => app.service.importUsers('a,b', { tags: ['x'] }, undefined));
    await expect(call).rejects.toThrow('the mail server is away');
    const { operations: stored } = await runAs(dan, () => app.operations.list());
    const [{ id, isRetryable } = { id: '', isRetryable: false }] = stored;
    expect(isRetryable).toBe(true);
    const answer = await app.ask(`/operations/${id}/retry`, 'ada', { method: 'POST' });
    expect(answer.status).toBe(202);
    const done = operationIn(await app.ask(`/operations/${id}/wait`, 'dan'));
    expect(done).toMatchObject({ state: 'succeeded', result: 2, label: 'Import', ownerId: 'dan' });
    const expected = ['a,b', { tags: ['x'] }, 10, 'dan', ['accounting']];
    expect(app.service.calls).toEqual([expected, expected]);
  });

  test('whose arguments are no JSON, or too large, rejects before anything is done', async () => {
    const { service } = await serveService(ImportService);
    const tags = [1n as unknown as string];
    await expect(bobs(() => service.importUsers('a', { tags }))).rejects.toThrow(
      InvalidOperationError,
    );
    const large = 'x'.repeat(300_000);
    await expect(bobs(() => service.importUsers(large, { tags: [] }))).rejects.toThrow(
      /has 300\d+ bytes, and at most 262144 are stored/,
    );
    expect(service.calls).toEqual([]);
  });
});

describe('a method that does the work of a definition', () => {
  const userImport = defineOperation('user-import', {
    label: 'Import of users',
    input: z.object({ fileId: z.string().trim() }),
  });
  const reindex = defineOperation('reindex');

  @Injectable()
  class ImportService {
    readonly inputs: unknown[] = [];

    @Operation(userImport, { refresh: ['users'] })
    async importUsers(input: { fileId: string }) {
      this.inputs.push([input, currentPrincipal()?.userId]);
      return await Promise.resolve(this.inputs.length);
    }

    @Operation(reindex)
    async reindex() {
      this.inputs.push('reindex');
      await Promise.resolve();
    }
  }

  test('gets the input as the schema has let it through, called or started', async () => {
    const app = await serveService(ImportService, { http: { start: [userImport, reindex] } });
    expect(await bobs(() => app.service.importUsers({ fileId: ' f1 ' }))).toBe(1);
    const started = await bobs(() =>
      app.operations.start(userImport, { input: { fileId: 'f2 ' } }),
    );
    await bobs(() => app.operations.wait(started.id));
    for (const body of [
      { type: 'user-import', input: { fileId: 'f3', of: 1 } },
      { type: 'reindex' },
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- in this order
      const answer = await app.ask('/operations', 'ada', { method: 'POST', body });
      // oxlint-disable-next-line no-await-in-loop
      await app.ask(`/operations/${operationIn(answer).id}/wait`, 'ada');
    }
    expect(app.service.inputs).toEqual([
      [{ fileId: 'f1' }, 'bob'],
      [{ fileId: 'f2' }, 'bob'],
      [{ fileId: 'f3' }, 'ada'],
      'reindex',
    ]);
    await expect(bobs(() => app.service.importUsers({} as { fileId: string }))).rejects.toThrow(
      InvalidOperationError,
    );
  });
});

describe('what is refused', () => {
  const boot = async (metadata: ModuleMetadata) =>
    await serve(metadata).then(
      () => 'it was not',
      (error: Error) => `${error.name}: ${error.message}`,
    );

  test('by the compiler: a method that gives no promise', () => {
    class Service {
      // @ts-expect-error -- its caller would get one
      @Operation('sync')
      work() {
        return 1;
      }
    }
    expect(new Service()).toHaveProperty('work');
  });

  test('a type that is none, and a method that is of no instance', () => {
    expect(() => Operation('User Import')).toThrow(/^An operation type is 1 to 100 of a-z/);
    const decorate = () => {
      class Service {
        @Operation('static')
        static async work() {
          await Promise.resolve();
        }
      }
      return Service;
    };
    expect(decorate).toThrow(
      "@Operation('static') stands before a method of a provider's instances",
    );
  });

  test('two methods that do the work of one type', async () => {
    @Injectable()
    class One {
      @Operation('sync', { retryable: true })
      async sync() {
        await Promise.resolve();
      }
    }
    @Injectable()
    class Two {
      @Operation(defineOperation('sync'))
      async sync() {
        await Promise.resolve();
      }
    }
    expect(await boot({ providers: [One, Two] })).toMatch(
      /^ConfigurationError: The work of 'sync' is done twice, by sync in One of RootTestModule and by sync in Two of RootTestModule/,
    );
  });

  test('one whose instance is not there when somebody tries again', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      @Operation('scoped', { retryable: true })
      async work() {
        await Promise.resolve();
      }
    }
    @Controller('w')
    class WorkController {
      @Post()
      @Operation('routed', { retryable: true })
      async work() {
        await Promise.resolve();
      }
    }
    @Injectable()
    class Made {
      @Operation('made', { retryable: true })
      async work() {
        await Promise.resolve();
      }
    }
    expect(await boot({ providers: [Scoped] })).toMatch(
      /^ConfigurationError: Scoped .* is not a singleton/,
    );
    expect(await boot({ controllers: [WorkController] })).toMatch(
      /^ConfigurationError: @Operation with a definition.* in WorkController .* belongs into a provider/,
    );
    expect(await boot({ providers: [{ provide: 'm', useFactory: () => new Made() }] })).toMatch(
      /^ConfigurationError: @Operation with a definition.* in Made .* is not found/,
    );
  });
});
