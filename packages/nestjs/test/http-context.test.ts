import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import {
  Body,
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Post,
  RequestMethod,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  CurrentPrincipal,
  currentPrincipal,
  PrincipalGuard,
  WebSocketModule,
  WebSocketService,
} from '@trunkline/nestjs';
import type { Authenticate, Principal } from '@trunkline/server';
import type { Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import {
  ada,
  cleo,
  fromCookie,
  moduleOptions,
  next,
  platforms,
  RecordingBroker,
  startApp,
  type TestApp,
  testingModule,
} from './harness.ts';

const tick = () => new Promise((resolve) => setImmediate(resolve));
const seen: Record<string, (string | undefined)[]> = {};
const note = (where: string) => {
  (seen[where] ??= []).push(currentPrincipal()?.userId);
};

@Injectable()
class SlowGuard implements CanActivate {
  async canActivate() {
    await tick();
    note('guard');
    return true;
  }
}

@Injectable()
class SlowPipe implements PipeTransform {
  async transform(value: unknown) {
    await tick();
    note('pipe');
    return value;
  }
}

@Injectable()
class NotingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, handler: CallHandler): Observable<unknown> {
    note('interceptor');
    return handler.handle();
  }
}

@Controller()
class SendController {
  constructor(private readonly webSocketService: WebSocketService) {}

  @Post('send/:userId')
  @UseGuards(SlowGuard)
  @UsePipes(SlowPipe)
  @UseInterceptors(NotingInterceptor)
  async send(@Param('userId') userId: string, @Body() body: { text: string }) {
    await tick();
    note('handler');
    const receipt = await this.webSocketService.sendToUser(userId, { type: 'note', data: body });
    return { status: receipt.status };
  }

  @Get('to/:tenantId')
  async toTenant(@Param('tenantId') tenantId: string) {
    const sending = this.webSocketService.sendToTenant(tenantId, { type: 'note', data: 1 });
    return await sending.then(
      ({ status }) => ({ status }),
      ({ code }) => ({ code }),
    );
  }

  @Get('to-user')
  async toUser() {
    const sending = this.webSocketService.sendToUser('42', { type: 'note', data: 1 });
    return await sending.then(
      ({ status }) => ({ status }),
      ({ code }) => ({ code }),
    );
  }

  @Get('me')
  @UseGuards(PrincipalGuard)
  me(@CurrentPrincipal() principal: Principal) {
    return { userId: principal.userId };
  }

  @Get('health')
  health() {
    return { userId: currentPrincipal()?.userId ?? null };
  }
}

@Module({ imports: [WebSocketModule], controllers: [SendController] })
class FeatureModule {}

describe.each(platforms)('on %s', (platform) => {
  let broker: RecordingBroker;
  let running: TestApp;

  async function start(
    changes: Parameters<typeof moduleOptions>[0] = {},
    providers: Parameters<typeof withProviders>[0] = [],
    prepare?: (app: INestApplication) => void,
  ) {
    const module = WebSocketModule.forRoot(moduleOptions({ broker, ...changes }));
    running = await startApp(platform, testingModule(module, withProviders(providers)), prepare);
  }

  beforeEach(() => {
    broker = new RecordingBroker();
    for (const where of Object.keys(seen)) delete seen[where];
  });

  afterEach(() => running.app.close());

  test('the principal of a request is known in guard, interceptor, pipe and handler', async () => {
    await start();
    const status = await postSlowly(`${running.baseUrl}/send/ben`, { text: 'hello' });
    expect(status).toBe(201);
    expect(seen['guard']).toEqual(['ada']);
    expect(seen['interceptor']).toEqual(['ada']);
    expect(new Set(seen['pipe'])).toEqual(new Set(['ada']));
    expect(seen['handler']).toEqual(['ada']);
    expect(broker.published.map(({ channel }) => channel)).toEqual(['t.acme:u:ben']);
  });

  test('requests of two tenants at the same time do not mix', async () => {
    await start();
    const body = JSON.stringify({ text: 'hello' });
    const requests = Array.from({ length: 60 }, (_, i) =>
      running.request(`/send/u${i}`, i % 2 ? 'ada' : 'cleo', { method: 'POST', body }),
    );
    await Promise.all(requests);
    const expected = Array.from({ length: 60 }, (_, i) => `t.${i % 2 ? 'acme' : 'globex'}:u:u${i}`);
    expect(broker.published.map(({ channel }) => channel).toSorted()).toEqual(expected.toSorted());
  });

  test('a foreign tenant rejects, the own one and the platform go through', async () => {
    await start();
    expect(await running.request('/to/globex', 'ada')).toMatchObject({
      body: { code: 'CROSS_TENANT' },
    });
    expect(broker.published).toEqual([]);
    expect(await running.request('/to/acme', 'ada')).toMatchObject({
      body: { status: 'accepted' },
    });
    expect(await running.request('/to/globex', 'root')).toMatchObject({
      body: { status: 'accepted' },
    });
    expect(broker.published.map(({ channel }) => channel)).toEqual(['t.acme:a', 't.globex:a']);
  });

  test('a guard of the root module, which runs before ours, knows the principal', async () => {
    let asked = 0;
    const authenticate: Authenticate = (handshake) => {
      asked += 1;
      return fromCookie(handshake);
    };
    await start({ authenticate }, [{ provide: APP_GUARD, useClass: PrincipalGuard }]);
    expect(await running.request('/health', 'ada')).toEqual({
      status: 200,
      body: { userId: 'ada' },
    });
    expect(asked).toBe(1); // once per request, however many guards wait for it
    expect((await running.request('/health', 'nobody')).status).toBe(401);
    expect((await running.request('/health', 'outage')).status).toBe(503);
  });

  test('a principal that has expired is nobody', async () => {
    await start({ authenticate: () => ({ ...ada, expiresAt: Date.now() - 1 }) });
    expect((await running.request('/me', 'ada')).status).toBe(401);
    expect(await running.request('/to-user', 'ada')).toMatchObject({
      body: { code: 'TENANT_REQUIRED' },
    });
  });

  test('an authenticate that never answers gives 503, it does not hang the route', async () => {
    const authenticate = () => new Promise<never>(() => {});
    await start({ authenticate, limits: { hookTimeoutMs: 30 } });
    expect((await running.request('/health', 'ada')).status).toBe(503);
  });

  test('the page’s connection is named in the event, if it is this user’s own', async () => {
    await start();
    const clientIds = await Promise.all(
      ['ada', 'cleo'].map(async (who) => {
        const client = running.client(who);
        const connected = next<{ client: string }>(client, 'connected');
        client.connect();
        onTestFinished(() => client.disconnect());
        return (await connected).client;
      }),
    );
    const strangers = [...clientIds.slice(1), '6b10cea9-1785-48aa-8674-99d9071f9e64', '<script>'];
    for (const connection of [...clientIds.slice(0, 1), ...strangers]) {
      const headers = { cookie: 'who=ada', 'x-trunkline-connection': connection };
      await fetch(`${running.baseUrl}/to/acme`, { headers });
    }
    expect(broker.published.map(({ event }) => event['origin'])).toEqual([
      clientIds[0],
      ...strangers.map(() => undefined),
    ]);
  });

  test('nobody: the route goes on without a principal, and a send has no tenant', async () => {
    await start();
    expect(await running.request('/health', 'nobody')).toEqual({
      status: 200,
      body: { userId: null },
    });
    expect(await running.request('/to-user', 'nobody')).toMatchObject({
      body: { code: 'TENANT_REQUIRED' },
    });
    expect((await running.request('/me', 'nobody')).status).toBe(401);
    expect(await running.request('/me', 'ada')).toEqual({ status: 200, body: { userId: 'ada' } });
    expect(broker.published).toEqual([]);
  });

  test('authenticate that throws answers 503, not 401', async () => {
    await start();
    expect((await running.request('/me', 'outage')).status).toBe(503);
  });

  test('principalOf reads what the app’s own guard has set', async () => {
    await start(
      {
        authenticate: () => {
          throw new Error('must not be asked for HTTP');
        },
        principalOf: (request: { user?: Principal }) => request.user,
      },
      [{ provide: APP_GUARD, useClass: OwnGuard }],
    );
    expect(await running.request('/to-user', 'cleo')).toMatchObject({
      body: { status: 'accepted' },
    });
    expect(await running.request('/to-user', 'nobody')).toMatchObject({
      body: { code: 'TENANT_REQUIRED' },
    });
    expect(broker.published.map(({ channel }) => channel)).toEqual(['t.globex:u:42']);
  });

  test('a global prefix and a route outside it change nothing', async () => {
    await start({}, [], (app) =>
      app.setGlobalPrefix('api', { exclude: [{ path: 'health', method: RequestMethod.GET }] }),
    );
    expect(await running.request('/api/me', 'ada')).toMatchObject({ status: 200 });
    expect(await running.request('/health', 'ada')).toEqual({
      status: 200,
      body: { userId: 'ada' },
    });
    const client = running.client('ada');
    client.connect();
    await client.ready();
    client.disconnect();
  });
});

@Injectable()
class OwnGuard implements CanActivate {
  async canActivate(context: ExecutionContext) {
    const request = context
      .switchToHttp()
      .getRequest<{ headers: { cookie?: string }; user?: Principal }>();
    await tick();
    if (request.headers.cookie === 'who=cleo') request.user = cleo;
    if (request.headers.cookie === 'who=ada') request.user = ada;
    return true;
  }
}

function withProviders(providers: NonNullable<Parameters<typeof Module>[0]['providers']>) {
  @Module({ imports: [FeatureModule], providers })
  class AppModule {}
  return AppModule;
}

/** Sends a JSON body in two pieces, the second only after the server has had the first. */
async function postSlowly(url: string, value: unknown): Promise<number | undefined> {
  const headers = { cookie: 'who=ada', 'content-type': 'application/json' };
  const request = httpRequest(url, { method: 'POST', headers });
  const body = JSON.stringify(value);
  request.write(body.slice(0, 5));
  await once(request, 'socket');
  await tick();
  await tick();
  request.end(body.slice(5));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}
