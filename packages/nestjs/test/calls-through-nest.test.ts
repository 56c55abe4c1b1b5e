import {
  type ArgumentMetadata,
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  ConflictException,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  NotFoundException,
  ParseIntPipe,
  type PipeTransform,
  Scope,
  SetMetadata,
  StandardSchemaValidationPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { CallData, callOf, currentPrincipal, OnCall, PrincipalGuard } from '@trunkline/nestjs';
import { type Principal, ProtocolError } from '@trunkline/server';
import { map, type Observable, throwError } from 'rxjs';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ada, connected, fromCookie, platforms, serveApp } from './harness.ts';

const Roles = (...roles: string[]) => SetMetadata('roles', roles);

/** What was asked in between, in order. */
const steps: string[] = [];
beforeEach(() => {
  steps.length = 0;
});

async function refusal(calling: Promise<unknown>): Promise<{ code: number; message: string }> {
  return await calling.then(
    (answer) => Promise.reject(new Error(`it was answered: ${JSON.stringify(answer)}`)),
    ({ code, message }: { code: number; message: string }) => ({ code, message }),
  );
}

@Injectable()
class Banned {
  readonly users = ['cleo'];
}

/** Refuses who is banned, and what needs a role that the caller has not. */
@Injectable()
class MemberGuard implements CanActivate {
  constructor(
    private readonly banned: Banned,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(execution: ExecutionContext) {
    await Promise.resolve();
    const principal = callOf(execution)?.principal ?? currentPrincipal();
    const roles = this.reflector.getAllAndOverride<string[]>('roles', [
      execution.getHandler(),
      execution.getClass(),
    ]);
    steps.push(`guard of ${execution.getClass().name}.${execution.getHandler().name}`);
    if (!principal || this.banned.users.includes(principal.userId)) return false;
    return !roles || roles.some((role) => principal.roles.includes(role));
  }
}

@Injectable()
class PlainCalls {
  @OnCall('plain')
  plain(data: unknown) {
    steps.push('handler');
    return data;
  }

  @Roles('auditors')
  @OnCall('audit')
  audit() {
    return 'audited';
  }
}

const forbidden = { code: 403, message: 'Forbidden resource' };

describe.each(platforms)('guards on %s', (platform) => {
  test('a global one (APP_GUARD) is asked, with what is injected and what decorators say', async () => {
    const guard = { provide: APP_GUARD, useClass: MemberGuard };
    const app = await serveApp(platform, {}, { providers: [Banned, PlainCalls, guard] });
    const client = await connected(app, 'ada');
    expect((await client.rpc('plain', 1)).data).toBe(1);
    expect(steps).toEqual(['guard of PlainCalls.plain', 'handler']);
    expect(await refusal(client.rpc('audit', 1))).toEqual(forbidden);
    expect(await refusal((await connected(app, 'cleo')).rpc('plain', 1))).toEqual(forbidden);
  });

  test('one of the class and one of the method are asked, in that order', async () => {
    @Injectable()
    class OddGuard implements CanActivate {
      canActivate(execution: ExecutionContext) {
        steps.push('method guard');
        return Number(callOf(execution)?.data) % 2 === 1;
      }
    }
    @Injectable()
    @UseGuards(MemberGuard)
    class GuardedCalls {
      @OnCall('any')
      any() {
        return 'any';
      }

      @UseGuards(OddGuard)
      @OnCall('odd')
      odd() {
        return 'odd';
      }
    }
    const app = await serveApp(platform, {}, { providers: [Banned, GuardedCalls] });
    const [adaClient, cleoClient] = [await connected(app, 'ada'), await connected(app, 'cleo')];
    expect((await adaClient.rpc('odd', 3)).data).toBe('odd');
    expect(steps).toEqual(['guard of GuardedCalls.odd', 'method guard']);
    expect(await refusal(adaClient.rpc('odd', 2))).toEqual(forbidden);
    expect((await adaClient.rpc('any', 2)).data).toBe('any');
    expect(await refusal(cleoClient.rpc('any', 1))).toEqual(forbidden);
  });

  test('one that was written for HTTP only fails the call, and nothing else', async () => {
    class HeaderGuard implements CanActivate {
      canActivate(execution: ExecutionContext) {
        const request = execution.switchToHttp().getRequest<{ headers: { cookie?: string } }>();
        return request.headers.cookie !== undefined;
      }
    }
    @Controller()
    class HealthController {
      @Get('health')
      health() {
        return {};
      }
    }
    const app = await serveApp(
      platform,
      {},
      {
        providers: [PlainCalls],
        controllers: [HealthController],
        prepare: (nest) => nest.useGlobalGuards(new HeaderGuard()),
      },
    );
    const client = await connected(app, 'ada');
    const headers = { cookie: 'x' };
    expect(await refusal(client.rpc('plain', { headers }))).toMatchObject({ code: 100 });
    expect((await app.request('/health', 'ada')).status).toBe(200);
    expect(await refusal(client.rpc('plain', 1))).toMatchObject({ code: 100 });
  });

  test('what a client sends is never taken for the HTTP request: it cannot bring its own user', async () => {
    const seen: unknown[] = [];
    class RolesGuard implements CanActivate {
      canActivate(execution: ExecutionContext) {
        seen.push(execution.getType());
        const { user } = execution.switchToHttp().getRequest<{ user?: Principal }>();
        const { principal } = execution.switchToRpc().getContext<{ principal?: Principal }>() ?? {};
        return Boolean(user?.roles.includes('admins') || principal?.roles.includes('admins'));
      }
    }
    @Injectable()
    class AdminCalls {
      @UseGuards(RolesGuard)
      @OnCall('wipe')
      wipe() {
        return 'wiped';
      }
    }
    const app = await serveApp(platform, {}, { providers: [AdminCalls] });
    const forged = { user: ada, principal: ada };
    expect(await refusal((await connected(app, 'cleo')).rpc('wipe', forged))).toEqual(forbidden);
    expect(seen).toEqual(['rpc']);
  });

  test('PrincipalGuard lets nobody in who is anonymous', async () => {
    @Injectable()
    class MemberCalls {
      @UseGuards(PrincipalGuard)
      @OnCall('me')
      me() {
        return currentPrincipal()?.userId;
      }
    }
    const authenticate: typeof fromCookie = async (handshake) =>
      (await fromCookie(handshake)) ?? { ...ada, userId: '' };
    const app = await serveApp(platform, { authenticate }, { providers: [MemberCalls] });
    expect((await (await connected(app, 'ada')).rpc('me', 1)).data).toBe('ada');
    expect(await refusal((await connected(app, 'nobody')).rpc('me', 1))).toEqual({
      code: 401,
      message: 'Log in first',
    });
  });

  test('one that Nest makes for each class that uses it has what it needs', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientGuard implements CanActivate {
      constructor(private readonly banned: Banned) {}

      canActivate() {
        return !this.banned.users.includes(currentPrincipal()?.userId ?? '');
      }
    }
    @Injectable()
    class GuardedCalls {
      @UseGuards(TransientGuard)
      @OnCall('guarded')
      guarded() {
        return 'in';
      }
    }
    const global = { provide: APP_GUARD, useClass: TransientGuard };
    const apps: [method: string, ModuleMetadata['providers']][] = [
      ['guarded', [Banned, GuardedCalls]],
      ['plain', [Banned, PlainCalls, global]],
    ];
    for (const [method, providers = []] of apps) {
      const app = await serveApp(platform, {}, { providers });
      expect((await (await connected(app, 'ada')).rpc(method, 'in')).data).toBe('in');
      expect(await refusal((await connected(app, 'cleo')).rpc(method, 'in'))).toEqual(forbidden);
    }
  });
});

describe('pipes', () => {
  class Page {
    from = 0;
  }
  const seen: ArgumentMetadata[] = [];

  @Injectable()
  class NotingPipe implements PipeTransform {
    transform(value: unknown, metadata: ArgumentMetadata) {
      if (metadata.type === 'body') seen.push(metadata);
      return value;
    }
  }

  @Injectable()
  class PagePipe implements PipeTransform {
    constructor(private readonly banned: Banned) {}

    transform(value: unknown, { type }: ArgumentMetadata) {
      if (type !== 'body') return value;
      if (!value) throw new BadRequestException('from is missing');
      return { from: Number(value) + this.banned.users.length };
    }
  }

  @Injectable()
  class PagedCalls {
    @OnCall('page')
    page(@CallData() page: Page) {
      return page;
    }

    @OnCall('number')
    number(@CallData('id', ParseIntPipe) id: number) {
      return id;
    }

    @UsePipes(PagePipe)
    @OnCall('piped')
    piped(data: unknown) {
      return data;
    }

    @OnCall('own')
    own(@CallData(PagePipe) data: unknown) {
      return data;
    }
  }
  const providers = [Banned, PagedCalls];

  beforeEach(() => {
    seen.length = 0;
  });

  test('a global one (APP_PIPE) sees the data', async () => {
    const global = { provide: APP_PIPE, useClass: PagePipe };
    const app = await serveApp('express', {}, { providers: [...providers, global] });
    const client = await connected(app, 'ada');
    expect((await client.rpc('page', 4)).data).toEqual({ from: 5 });
    expect(await refusal(client.rpc('page', 0))).toEqual({ code: 400, message: 'from is missing' });
  });

  test('a global one knows the parameter as a body of its type', async () => {
    const prepare = (nest: { useGlobalPipes(pipe: PipeTransform): void }) =>
      nest.useGlobalPipes(new NotingPipe());
    const client = await connected(await serveApp('express', {}, { providers, prepare }), 'ada');
    await client.rpc('page', { from: 1 });
    await client.rpc('number', { id: '7' });
    expect(seen).toMatchObject([{ metatype: Page }, { data: 'id', metatype: Number }]);
  });

  test('those of a method and of a parameter are asked, with what is injected', async () => {
    const client = await connected(await serveApp('express', {}, { providers }), 'ada');
    expect((await client.rpc('piped', 4)).data).toEqual({ from: 5 });
    expect((await client.rpc('own', 4)).data).toEqual({ from: 5 });
    expect((await client.rpc('number', { id: '7' })).data).toBe(7);
    expect(await refusal(client.rpc('number', { id: 'seven' }))).toMatchObject({ code: 400 });
  });

  test('Nest’s own schema pipe does not apply the schema of a call once more', async () => {
    const doubled = z.number().transform((value) => value * 2);
    @Injectable()
    class DoublingCalls {
      @OnCall('double', { schema: doubled })
      double(data: number) {
        return data;
      }
    }
    const prepare = (nest: { useGlobalPipes(pipe: PipeTransform): void }) =>
      nest.useGlobalPipes(new StandardSchemaValidationPipe());
    const extras = { providers: [DoublingCalls], prepare };
    const client = await connected(await serveApp('express', {}, extras), 'ada');
    expect((await client.rpc('double', 2)).data).toBe(4);
  });
});

describe('interceptors', () => {
  function interceptor(name: string) {
    @Injectable()
    class NotingInterceptor implements NestInterceptor {
      constructor(readonly banned: Banned) {}

      intercept(_execution: ExecutionContext, handler: CallHandler): Observable<unknown> {
        steps.push(`${name} for ${currentPrincipal()?.userId}, knows ${this.banned.users.join()}`);
        return handler.handle().pipe(map((answer) => `${name}(${answer})`));
      }
    }
    return NotingInterceptor;
  }

  test('of the app, the class and the method stand around the handler', async () => {
    @Injectable()
    @UseInterceptors(interceptor('class'))
    class InterceptedCalls {
      @UseInterceptors(interceptor('method'))
      @OnCall('wrapped')
      async wrapped() {
        await Promise.resolve();
        return currentPrincipal()?.userId;
      }
    }
    const global = { provide: APP_INTERCEPTOR, useClass: interceptor('global') };
    const app = await serveApp('express', {}, { providers: [Banned, InterceptedCalls, global] });
    const client = await connected(app, 'ada');
    expect((await client.rpc('wrapped', 1)).data).toBe('global(class(method(ada)))');
    expect(steps).toEqual(
      ['global', 'class', 'method'].map((name) => `${name} for ada, knows cleo`),
    );
  });
});

describe('exception filters', () => {
  class ChatFullError extends Error {}

  /** Gives what is thrown another form: an answer, an HttpException or an Observable of either. */
  function filter(name: string, become: (error: Error) => unknown) {
    @Catch(ChatFullError)
    class ChatFullFilter implements ExceptionFilter {
      catch(error: Error, host: ArgumentsHost) {
        steps.push(`${name} for ${callOf(host)?.method}`);
        return become(error);
      }
    }
    return ChatFullFilter;
  }
  const conflict = (error: Error) => {
    throw new ConflictException(error.message);
  };

  @Injectable()
  @UseFilters(filter('class', (error) => throwError(() => new NotFoundException(error.message))))
  class FilteredCalls {
    @OnCall('class')
    byClass() {
      throw new ChatFullError('full');
    }

    @UseFilters(filter('method', conflict))
    @OnCall('method')
    byMethod() {
      throw new ChatFullError('full');
    }

    @UseFilters(filter('answer', () => ({ isFull: true })))
    @OnCall('answer')
    withAnswer() {
      throw new ChatFullError('full');
    }

    @OnCall('other')
    other() {
      throw new NotFoundException('no such chat');
    }
  }

  test('of the method and the class turn errors into others, or into answers', async () => {
    const client = await connected(
      await serveApp('express', {}, { providers: [FilteredCalls] }),
      'ada',
    );
    expect(await refusal(client.rpc('method', 1))).toEqual({ code: 409, message: 'full' });
    expect(await refusal(client.rpc('class', 1))).toEqual({ code: 404, message: 'full' });
    expect((await client.rpc('answer', 1)).data).toEqual({ isFull: true });
    expect(await refusal(client.rpc('other', 1))).toEqual({ code: 404, message: 'no such chat' });
    expect(steps).toEqual(['method for method', 'class for class', 'answer for answer']);
  });

  test('of the app (APP_FILTER) catch what is left', async () => {
    @Injectable()
    class PoorCalls {
      @OnCall('poor')
      poor() {
        throw new ChatFullError('full');
      }
    }
    const global = { provide: APP_FILTER, useClass: filter('global', conflict) };
    const app = await serveApp('express', {}, { providers: [PoorCalls, global] });
    const client = await connected(app, 'ada');
    expect(await refusal(client.rpc('poor', 1))).toEqual({ code: 409, message: 'full' });
  });

  test('of the class and of the app do not get the protocol’s own errors; of the method do', async () => {
    @Catch()
    class EverythingFilter implements ExceptionFilter {
      catch() {
        return 'caught';
      }
    }
    @Injectable()
    @UseFilters(EverythingFilter)
    class FrankCalls {
      @OnCall('frank')
      frank() {
        throw new ProtocolError(1409, 'taken');
      }

      @UseFilters(EverythingFilter)
      @OnCall('above')
      above() {
        throw new ProtocolError(1409, 'taken');
      }

      @OnCall('below')
      @UseFilters(EverythingFilter)
      below() {
        throw new ProtocolError(1409, 'taken');
      }
    }
    const global = { provide: APP_FILTER, useClass: EverythingFilter };
    const app = await serveApp('express', {}, { providers: [FrankCalls, global] });
    const client = await connected(app, 'ada');
    expect(await refusal(client.rpc('frank', 1))).toEqual({ code: 1409, message: 'taken' });
    expect((await client.rpc('above', 1)).data).toBe('caught');
    expect((await client.rpc('below', 1)).data).toBe('caught');
  });
});
