import {
  type CanActivate,
  Controller,
  Headers,
  Injectable,
  Module,
  type ModuleMetadata,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  CallData,
  type CanJoin,
  ConfigurationError,
  CurrentPrincipal,
  OnCall,
  RoomPolicy,
} from '@trunkline/nestjs';
import type { Principal } from '@trunkline/server';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { appModule, connected, serveApp } from './harness.ts';

@Injectable()
class ChatCalls {
  @OnCall('chat:typing')
  typing() {}
}

@RoomPolicy('chat:*')
class ChatPolicy implements CanJoin {
  canJoin() {
    return true;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScoped implements CanActivate {
  canActivate() {
    return true;
  }
}

/** What the application says instead of starting. */
async function refusal(
  metadata: ModuleMetadata,
  changes: Parameters<typeof appModule>[0] = {},
): Promise<string> {
  const booting = (async () => {
    const testing = await appModule(changes, metadata).compile();
    await testing.createNestApplication({ logger: false }).init();
  })();
  await expect(booting).rejects.toThrow(ConfigurationError);
  return await booting.then(
    () => '',
    ({ message }: Error) => message,
  );
}

/** A module that provides a class, called so. */
function moduleWith(name: string, provider: NonNullable<ModuleMetadata['providers']>[number]) {
  @Module({ providers: [provider] })
  class AnyModule {}
  Object.defineProperty(AnyModule, 'name', { value: name });
  return AnyModule;
}

describe('calls are refused at boot', () => {
  test('when two methods answer the same', async () => {
    @Injectable()
    class OtherCalls {
      @OnCall('chat:typing')
      signal() {}
    }
    const message = await refusal({
      imports: [moduleWith('ChatModule', ChatCalls), moduleWith('OtherModule', OtherCalls)],
    });
    expect(message).toContain("'chat:typing'");
    expect(message).toContain('typing in ChatCalls of ChatModule');
    expect(message).toContain('signal in OtherCalls of OtherModule');
  });

  test('when two modules provide the same class', async () => {
    const imports = [moduleWith('AModule', ChatCalls), moduleWith('BModule', ChatCalls)];
    expect(await refusal({ imports })).toMatch(/AModule.*BModule.*export it from one/);
  });

  test('when the option rpc answers the same', async () => {
    const rpc = { 'chat:typing': () => 1 };
    expect(await refusal({ providers: [ChatCalls] }, { rpc })).toContain('the option rpc');
  });

  test.each(['trunkline:presence', ''])('when the method is %o', async (method) => {
    @Injectable()
    class ReservedCalls {
      @OnCall(method)
      answer() {}
    }
    expect(await refusal({ providers: [ReservedCalls] })).toContain("'trunkline:'");
    expect(await refusal({}, { rpc: { [method]: () => 1 } })).toContain("'trunkline:'");
  });

  test('when the provider, or what it needs, is made for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class ScopedCalls {
      @OnCall('a')
      a() {}
    }
    @Injectable()
    class DependingCalls {
      constructor(readonly scoped: RequestScoped) {}

      @OnCall('a')
      a() {}
    }
    @Injectable()
    class GuardedCalls {
      @UseGuards(RequestScoped)
      @OnCall('a')
      a() {}
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientCalls {
      @OnCall('a')
      a() {}
    }
    for (const calls of [ScopedCalls, DependingCalls, GuardedCalls, TransientCalls]) {
      const message = await refusal({ providers: [RequestScoped, calls] });
      expect(message).toContain(`${calls.name} of RootTestModule is not a singleton`);
    }
  });

  test('when a global guard is made for each request: calls would go past it', async () => {
    const guard = { provide: APP_GUARD, useClass: RequestScoped };
    expect(await refusal({ providers: [ChatCalls, guard] })).toContain('APP_GUARD');
    await serveApp('express', {}, { providers: [guard] }); // no calls, nothing to go past
  });

  test('when Nest would not know of their guards', async () => {
    const made = [
      { provide: ChatCalls, useFactory: () => new ChatCalls() },
      { provide: 'calls', useFactory: async () => new ChatCalls() },
      { provide: 'calls', useValue: new ChatCalls() },
    ];
    for (const provider of made) {
      expect(await refusal({ providers: [provider] })).toMatch(/@OnCall in ChatCalls .*useClass/);
    }
    @Controller()
    class ChatController {
      @OnCall('a')
      a() {}
    }
    expect(await refusal({ controllers: [ChatController] })).toContain('ChatController');
  });

  test('but not a provider under another token, or a second name for one', async () => {
    const providers = [
      { provide: 'calls', useClass: ChatCalls },
      { provide: 'alias', useExisting: 'calls' },
    ];
    const client = await connected(await serveApp('express', {}, { providers }), 'ada');
    expect(await client.rpc('chat:typing', 1)).toBeDefined();
  });

  test('when a parameter would always be undefined, or asks for an HTTP request', async () => {
    @Injectable()
    class BareCalls {
      @OnCall('a')
      a(_data: unknown, @CurrentPrincipal() _principal: Principal) {}
    }
    @Injectable()
    class HttpCalls {
      @OnCall('a')
      a(@CallData() _data: unknown, @Headers() _headers: unknown) {}
    }
    @Injectable()
    class UncheckedCalls {
      @OnCall('a', { schema: z.string() })
      a(@CurrentPrincipal() _principal: Principal) {}
    }
    expect(await refusal({ providers: [BareCalls] })).toContain('Parameter 1 of a in BareCalls');
    expect(await refusal({ providers: [HttpCalls] })).toContain('Parameter 2 of a in HttpCalls');
    expect(await refusal({ providers: [UncheckedCalls] })).toContain('@CallData()');
  });

  test('when the decorator stands before what Nest cannot call', () => {
    const decorate = OnCall('a') as (target: object, name: unknown, descriptor: object) => void;
    class Odd {}
    expect(() => decorate(Odd, 'a', { value: () => {} })).toThrow(TypeError);
    expect(() => decorate(Odd.prototype, Symbol('a'), { value: () => {} })).toThrow(TypeError);
    expect(() => decorate(Odd.prototype, 'a', { get: () => 1 })).toThrow(TypeError);
  });
});

describe('policies are refused at boot', () => {
  test('when two decide about the same rooms', async () => {
    @RoomPolicy('chat:*')
    class OtherPolicy implements CanJoin {
      canJoin() {
        return false;
      }
    }
    const message = await refusal({ providers: [ChatPolicy, OtherPolicy] });
    expect(message).toMatch(/'chat:\*' is decided twice, by .*Policy .* and by .*Policy /);
    const rooms = { 'chat:*': { authorize: () => true } };
    expect(await refusal({ providers: [ChatPolicy] }, { rooms })).toContain('authorize');
  });

  test('when their options are in two places', async () => {
    @RoomPolicy('chat:*', { presence: true })
    class PresentPolicy implements CanJoin {
      canJoin() {
        return true;
      }
    }
    const rooms = { 'chat:*': { joinLeave: true } };
    expect(await refusal({ providers: [PresentPolicy] }, { rooms })).toContain('the option rooms');
  });

  test.each(['*', 'chat*', '*:*'])('when the rule %o would be asked first', async (pattern) => {
    const rooms = { [pattern]: { authorize: () => true } };
    const message = await refusal({ providers: [ChatPolicy] }, { rooms });
    expect(message).toContain('would never be asked');
    const inOrder = { 'chat:*': {}, ...rooms };
    await serveApp('express', { rooms: inOrder }, { providers: [ChatPolicy] });
  });

  test('when they are made for each request, or nobody knows of them', async () => {
    @Injectable({ scope: Scope.REQUEST })
    @RoomPolicy('a:*')
    class ScopedPolicy implements CanJoin {
      canJoin() {
        return true;
      }
    }
    @RoomPolicy('a:*')
    @Injectable({ scope: Scope.REQUEST })
    class ScopedToo extends ScopedPolicy {}
    for (const policy of [ScopedPolicy, ScopedToo]) {
      expect(await refusal({ providers: [policy] })).toContain(`${policy.name} of`);
    }
    const hidden = { provide: 'policy', useFactory: () => new ChatPolicy() };
    expect(await refusal({ providers: [hidden] })).toContain('@RoomPolicy in ChatPolicy');
    @Controller()
    @RoomPolicy('a:*')
    class PolicyController implements CanJoin {
      canJoin() {
        return true;
      }
    }
    expect(await refusal({ controllers: [PolicyController] })).toContain('in a controller');
  });
});
