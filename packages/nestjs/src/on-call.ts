import { Body, type PipeTransform, SetMetadata, type Type } from '@nestjs/common';
import { ENTRY_PROVIDER_WATERMARK, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { CallContext, type CallSchema } from './call.ts';
import { letProtocolErrorsPass } from './call-error.ts';

/** How a method answers calls. */
export interface OnCallOptions {
  /**
   * What the call's data must be; `@CallData()` gives what the schema makes of it. Other data is
   * answered with error 400, which names the field. Default: anything goes.
   */
  readonly schema?: CallSchema;
}

/** What `@OnCall` has noted of a method. */
export interface CallMark extends OnCallOptions {
  readonly method: string;
}

/** Metadata key, on the method's function. */
const CALLS = 'trunkline:calls';

type Pipe = Type<PipeTransform> | PipeTransform;

/**
 * Makes a provider's method answer what clients call by this name: `client.call('chat:typing', data)`.
 * It runs behind Nest's guards, interceptors, pipes and exception filters, as the caller's principal.
 * Without parameter decorators it gets `(data, context)`.
 */
export function OnCall(method: string, options: OnCallOptions = {}): MethodDecorator {
  return (target, name, descriptor) => {
    const handler: unknown = descriptor.value;
    const isMethod = typeof handler === 'function' && typeof target === 'object';
    if (!isMethod || typeof name !== 'string') {
      throw new TypeError(`@OnCall('${method}') stands before a method of a provider's instances`);
    }
    SetMetadata(CALLS, [...callMarksOf(handler), { method, ...options }])(target, name, descriptor);
    // With it, Nest makes global enhancers that are no singletons a dependency of the class.
    Reflect.defineMetadata(ENTRY_PROVIDER_WATERMARK, true, target.constructor);
    letProtocolErrorsPass(handler);
    if (Reflect.hasMetadata(ROUTE_ARGS_METADATA, target.constructor, name)) return;
    CallData()(target, name, 0);
    CallContext()(target, name, 1);
  };
}

/**
 * A parameter: the call's data, as the method's schema has let it through, or one property of it. Pipes,
 * global ones too, see it as they see the body of an HTTP request.
 */
export function CallData(...pipes: Pipe[]): ParameterDecorator;
export function CallData(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function CallData(...propertyAndPipes: unknown[]): ParameterDecorator {
  return (Body as (...args: unknown[]) => ParameterDecorator)(...propertyAndPipes);
}

/** What `@OnCall` has noted of a function. */
export function callMarksOf(handler: object): readonly CallMark[] {
  return (Reflect.getOwnMetadata(CALLS, handler) as CallMark[] | undefined) ?? [];
}
