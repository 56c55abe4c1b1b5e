import {
  ForbiddenException,
  HttpException,
  Injectable,
  InternalServerErrorException,
  ParseIntPipe,
} from '@nestjs/common';
import {
  CallContext,
  CallData,
  CurrentPrincipal,
  currentPrincipal,
  OnCall,
  WebSocketService,
} from '@trunkline/nestjs';
import { type Log, type Principal, ProtocolError } from '@trunkline/server';
import { Observable, of } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connected, next, platforms, RecordingBroker, serveApp } from './harness.ts';

/** What the stock client says of a call that was refused. */
async function refusal(calling: Promise<unknown>): Promise<{ code: number; message: string }> {
  return await calling.then(
    (answer) => Promise.reject(new Error(`it was answered: ${JSON.stringify(answer)}`)),
    ({ code, message }: { code: number; message: string }) => ({ code, message }),
  );
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

@Injectable()
class Directory {
  readonly names = new Map([
    ['ada', 'Ada'],
    ['cleo', 'Cleo'],
  ]);
}

@Injectable()
class ChatCalls {
  constructor(
    private readonly directory: Directory,
    private readonly webSocketService: WebSocketService,
  ) {}

  @OnCall('whoami')
  async whoami(data: unknown, { method, clientId, principal }: CallContext) {
    await tick();
    const name = this.directory.names.get(principal.userId);
    return { name, data, method, clientId, ambient: currentPrincipal()?.userId };
  }

  @OnCall('parameters')
  parameters(
    @CurrentPrincipal() principal: Principal,
    @CallData('chatId') chatId: string,
    @CallContext() { method }: CallContext,
    @CallData() data: unknown,
  ) {
    return [principal.userId, chatId, method, data];
  }

  @OnCall('announce')
  async announce(@CallData('text') text: string) {
    await tick();
    const receipt = await this.webSocketService.sendToUser('ada', { type: 'note', data: text });
    return receipt.status;
  }

  @OnCall('later')
  later(): Observable<string> {
    return of('first', 'last');
  }

  @OnCall('nothing')
  nothing(): void {}

  @OnCall('one')
  @OnCall('other')
  both(_: unknown, { method }: CallContext) {
    return method;
  }
}

describe.each(platforms)('on %s', (platform) => {
  const providers = [Directory, ChatCalls];

  test('a method of a provider answers, with what was injected, as the caller', async () => {
    const app = await serveApp(platform, {}, { providers });
    const [adaClient, cleoClient] = [await connected(app, 'ada'), await connected(app, 'cleo')];
    const answers = await Promise.all([
      adaClient.rpc('whoami', { n: 1 }),
      cleoClient.rpc('whoami', { n: 2 }),
    ]);
    expect(answers.map(({ data }) => data)).toEqual([
      expect.objectContaining({ name: 'Ada', data: { n: 1 }, method: 'whoami', ambient: 'ada' }),
      expect.objectContaining({ name: 'Cleo', data: { n: 2 }, method: 'whoami', ambient: 'cleo' }),
    ]);
    expect(answers[0].data).not.toMatchObject({
      clientId: (answers[1].data as CallContext).clientId,
    });
  });

  test('parameters are what their decorators say', async () => {
    const app = await serveApp(platform, {}, { providers });
    const client = await connected(app, 'ada');
    const { data } = await client.rpc('parameters', { chatId: '42' });
    expect(data).toEqual(['ada', '42', 'parameters', { chatId: '42' }]);
    expect((await client.rpc('parameters', null)).data).toEqual(['ada', null, 'parameters', null]);
  });

  test('what a call sends goes to the caller’s tenant, and names the caller’s connection', async () => {
    const broker = new RecordingBroker();
    const app = await serveApp(platform, { broker }, { providers });
    const client = app.client('cleo');
    const welcome = next<{ client: string }>(client, 'connected');
    client.connect();
    const { client: clientId } = await welcome;
    expect((await client.rpc('announce', { text: 'hello' })).data).toBe('accepted');
    expect(broker.published).toEqual([
      {
        channel: 't.globex:u:ada',
        event: expect.objectContaining({ data: 'hello', origin: clientId }),
      },
    ]);
    client.disconnect();
  });

  test('an Observable answers with its last value, nothing with null', async () => {
    const app = await serveApp(platform, {}, { providers });
    const client = await connected(app, 'ada');
    expect((await client.rpc('later', 1)).data).toBe('last');
    expect((await client.rpc('nothing', 1)).data ?? null).toBeNull();
    expect((await client.rpc('one', 1)).data).toBe('one');
    expect((await client.rpc('other', 1)).data).toBe('other');
  });
});

describe('errors', () => {
  @Injectable()
  class FailingCalls {
    @OnCall('forbidden')
    forbidden() {
      throw new ForbiddenException('not your chat');
    }

    @OnCall('own-code')
    ownCode() {
      throw new HttpException('the chat is full', 1403);
    }

    @OnCall('several')
    several() {
      throw new HttpException({ message: ['first', 'second'] }, 422);
    }

    @OnCall('no-error')
    noError() {
      throw new HttpException('see other', 303);
    }

    @OnCall('hidden')
    hidden() {
      throw new InternalServerErrorException(new Error('password=hunter2'));
    }

    @OnCall('protocol')
    protocol() {
      throw new ProtocolError(1409, 'taken', true);
    }

    @OnCall('unknown')
    unknown() {
      throw new Error('select * from users where password = hunter2');
    }

    @OnCall('hang')
    async hang() {
      return await new Promise<never>(() => {});
    }

    @OnCall('fine')
    fine() {
      return 'fine';
    }
  }

  const logged: { message: string; fields?: Record<string, unknown> }[] = [];
  const note: Log['info'] = (message, fields) =>
    logged.push({ message, ...(fields && { fields }) });
  const log: Log = { info: note, warn: note, error: note };
  const serve = async (limits = {}) => {
    logged.length = 0;
    const app = await serveApp('express', { log, limits }, { providers: [FailingCalls] });
    return await connected(app, 'ada');
  };

  test('an HttpException is an error with its status and text', async () => {
    const client = await serve();
    expect(await refusal(client.rpc('forbidden', 1))).toEqual({
      code: 403,
      message: 'not your chat',
    });
    expect(await refusal(client.rpc('own-code', 1))).toEqual({
      code: 1403,
      message: 'the chat is full',
    });
    expect(await refusal(client.rpc('several', 1))).toEqual({
      code: 422,
      message: 'first; second',
    });
    expect(logged).toEqual([]);
  });

  test('a ProtocolError is what it is', async () => {
    const client = await serve();
    expect(await refusal(client.rpc('protocol', 1))).toEqual({ code: 1409, message: 'taken' });
    expect(logged).toEqual([]);
  });

  test('any other error is 100: logged, and nothing of it is told', async () => {
    const client = await serve();
    for (const method of ['unknown', 'no-error']) {
      expect(await refusal(client.rpc(method, 1))).toEqual({
        code: 100,
        message: 'internal server error',
      });
    }
    expect(logged.map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ hook: 'rpc unknown', error: expect.stringContaining('select *') }),
      expect.objectContaining({ hook: 'rpc no-error' }),
    ]);
    expect((await client.rpc('fine', 1)).data).toBe('fine');
  });

  test('an error that was given as the whole answer is not shown, as over HTTP', async () => {
    const client = await serve();
    expect(await refusal(client.rpc('hidden', 1))).toEqual({
      code: 500,
      message: 'Internal Server Error',
    });
  });

  test('a method that hangs is an error after hookTimeoutMs, and the connection lives', async () => {
    const client = await serve({ hookTimeoutMs: 50 });
    expect(await refusal(client.rpc('hang', 1))).toMatchObject({ code: 100 });
    expect(logged[0]).toMatchObject({ message: 'hook_failed', fields: { hook: 'rpc hang' } });
    expect((await client.rpc('fine', 1)).data).toBe('fine');
  });

  test('a method that nobody answers is 104', async () => {
    expect(await refusal((await serve()).rpc('missing', 1))).toMatchObject({ code: 104 });
  });
});

describe('a schema', () => {
  const typing = z.object({ chatId: z.string(), isTyping: z.coerce.boolean().default(true) });
  const deep = z.object({ list: z.array(z.object({ email: z.email() })) });

  @Injectable()
  class TypedCalls {
    @OnCall('typing', { schema: typing })
    typing(data: z.infer<typeof typing>) {
      return data;
    }

    @OnCall('property', { schema: typing })
    property(
      @CallData('chatId', ParseIntPipe) chatId: number,
      @CallData('isTyping') isTyping: boolean,
    ) {
      return [chatId, isTyping];
    }

    @OnCall('deep', { schema: deep })
    deep(data: z.infer<typeof deep>) {
      return data;
    }

    @OnCall('text', { schema: z.string() })
    text(data: string) {
      return data;
    }
  }
  const serve = async () =>
    await connected(await serveApp('express', {}, { providers: [TypedCalls] }), 'ada');

  test('gives the method what it makes of the data', async () => {
    const client = await serve();
    expect((await client.rpc('typing', { chatId: '1', more: 1 })).data).toEqual({
      chatId: '1',
      isTyping: true,
    });
    expect((await client.rpc('property', { chatId: '7', isTyping: 0 })).data).toEqual([7, false]);
  });

  test('refuses other data with 400, and names the field', async () => {
    const client = await serve();
    const { code, message } = await refusal(client.rpc('typing', { chatId: 1 }));
    expect(code).toBe(400);
    expect(message).toMatch(/^chatId: .*expected string/);
    const { message: deepMessage } = await refusal(
      client.rpc('deep', { list: [{ email: 'a@b.test' }, { email: 'x' }] }),
    );
    expect(deepMessage).toMatch(/^list\.1\.email: /);
    expect((await refusal(client.rpc('text', 5))).message).toMatch(/^Invalid input/);
    expect((await refusal(client.rpc('property', { chatId: 'x' }))).code).toBe(400);
  });

  test('does not make the answer as long as what is wrong', async () => {
    const client = await serve();
    const list = Array.from({ length: 500 }, () => ({ email: 'x' }));
    const { message } = await refusal(client.rpc('deep', { list }));
    expect(message.split('; ')).toHaveLength(5);
  });
});
