// Checked by the compiler (`tsc -b`); running the file proves nothing.
import type {
  AppEvent,
  EventData,
  EventFor,
  OperationError,
  OperationProgress,
  ReceivedEvent,
} from '@trunkline/contract';
import { describe, expect, expectTypeOf, it } from 'vitest';

declare module '@trunkline/contract' {
  interface Events {
    'test:greeting': { text: string };
    'test:bare': undefined;
  }
}

function send<T extends string>(event: AppEvent<T>): string {
  return event.type;
}

function subscribe<P extends string>(pattern: P, _handler: (event: EventFor<P>) => void): string {
  return pattern;
}

describe('an event of a known type', () => {
  it('has checked data', () => {
    expectTypeOf<EventData<'test:greeting'>>().toEqualTypeOf<{ text: string }>();
    expectTypeOf<AppEvent<'test:greeting'>['data']>().toEqualTypeOf<{ text: string }>();
    expectTypeOf<{ type: 'test:greeting' }>().not.toExtend<AppEvent<'test:greeting'>>();
    expectTypeOf<{ type: 'test:greeting'; data: { text: number } }>().not.toExtend<
      AppEvent<'test:greeting'>
    >();
  });

  it('is checked where it is sent and where it is handled', () => {
    expect(send({ type: 'test:greeting', data: { text: 'hello' } })).toBe('test:greeting');
    // @ts-expect-error -- the data is missing
    send({ type: 'test:greeting' });
    // @ts-expect-error -- a text is no number
    send({ type: 'test:greeting', data: { text: 7 } });
    // @ts-expect-error -- an operation has an id
    send({ type: 'operation:progress', data: { operationType: 'user-import' } });
    subscribe('test:greeting', (event) => event.data.text.trim());
    // @ts-expect-error -- there is no such field
    subscribe('test:greeting', (event) => event.data.chatId);
  });

  it('may leave out data that can be undefined', () => {
    expectTypeOf<{ type: 'test:bare' }>().toExtend<AppEvent<'test:bare'>>();
  });

  it('reaches a handler with its data', () => {
    expectTypeOf(subscribe<'test:greeting'>)
      .parameter(1)
      .parameter(0)
      .toEqualTypeOf<ReceivedEvent<'test:greeting'>>();
    expectTypeOf<EventFor<'operation:progress'>['data']>().toEqualTypeOf<OperationProgress>();
    expectTypeOf<EventFor<'operation:error'>['data']>().toEqualTypeOf<OperationError>();
  });
});

describe('an event of an unknown type', () => {
  it('is accepted with any data, or none', () => {
    expectTypeOf<EventData<'chat:message'>>().toBeAny();
    expectTypeOf<{ type: 'chat:message' }>().toExtend<AppEvent<'chat:message'>>();
    expectTypeOf<{ type: string; data: unknown }>().toExtend<AppEvent>();
    expectTypeOf<{ type: 'chat:message'; data: 42 }>().toExtend<AppEvent<'chat:message'>>();
  });

  it('still has checked metadata', () => {
    expectTypeOf<{ type: 'x'; metadata: { tablesToRefresh: string } }>().not.toExtend<
      AppEvent<'x'>
    >();
    expectTypeOf<{ type: 'x'; metadata: { anything: 1 } }>().toExtend<AppEvent<'x'>>();
  });

  it('needs no declaration to be sent or handled', () => {
    expect(send({ type: 'chat:message', data: { chatId: '42', message: {} } })).toBe(
      'chat:message',
    );
    subscribe('chat:message', (event) => event.data.message.text.trim());
    subscribe('data:*', (event) => event.data.productId);
  });

  it('reaches a handler untyped', () => {
    expectTypeOf<EventFor<'chat:message'>['data']>().toBeAny();
    expectTypeOf<EventFor<'chat:message'>['id']>().toBeString();
  });
});

describe('a pattern', () => {
  it('hands its handler the union of what it matches', () => {
    expectTypeOf<EventFor<'operation:*'>['type']>().toEqualTypeOf<
      'operation:progress' | 'operation:complete' | 'operation:error'
    >();
    expectTypeOf<EventFor<'*'>>().toHaveProperty('data');
  });

  it('of nothing known is untyped', () => {
    expectTypeOf<EventFor<'data:*'>>().toEqualTypeOf<ReceivedEvent>();
    expectTypeOf<EventFor<'data:*'>['data']>().toBeAny();
  });
});
