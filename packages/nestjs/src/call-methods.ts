import type { Type } from '@nestjs/common';
import { CUSTOM_ROUTE_ARGS_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { ModulesContainer } from '@nestjs/core';
import { type CallMark, callMarksOf } from './on-call.ts';
import { ConfigurationError } from './options.ts';
import { methodNamesOf, type Provider, providersOf, refuseOthers } from './providers.ts';

/** A method of a provider that answers calls. */
export interface CallMethod extends CallMark {
  readonly provider: Provider;
  /** The name of the function. */
  readonly handler: string;
  /** `typing in ChatCalls of ChatModule`, for messages. */
  readonly name: string;
}

const RESERVED = 'trunkline:';

/** Every method with `@OnCall`. Throws `ConfigurationError` for what is answered twice, or is not for apps. */
export function callMethodsOf(modules: ModulesContainer): CallMethod[] {
  const found = new Map<string, CallMethod>();
  for (const callMethod of providersOf(modules).flatMap(callMethodsIn)) {
    const { method, name } = callMethod;
    checkMethodName(method, name);
    const other = found.get(method);
    if (other) throw answeredTwice(method, other.name, name);
    found.set(method, callMethod);
  }
  return [...found.values()];
}

/**
 * Can all of them be called as they stand there, and is none left out? Throws `ConfigurationError`; asked
 * when there are instances.
 */
export function checkCallMethods(modules: ModulesContainer, found: readonly CallMethod[]): void {
  const standsIn = (target: Type<object>) => handlersIn(target).length > 0;
  const providers = found.map(({ provider }) => provider);
  refuseOthers(modules, { name: '@OnCall', standsIn }, providers);
  for (const provider of providers) provider.requireSingleton();
  for (const callMethod of found) checkParameters(callMethod);
}

/** Throws `ConfigurationError` for a name that apps cannot give. */
export function checkMethodName(method: string, where: string): void {
  if (method !== '' && !method.startsWith(RESERVED)) return;
  throw new ConfigurationError(
    `${where} answers ${JSON.stringify(method)}: a method has a name, and those that begin with '${RESERVED}' are the server's own`,
  );
}

/** Says where else the same method is answered. */
export function answeredTwice(method: string, one: string, other: string): ConfigurationError {
  return new ConfigurationError(
    `Calls of '${method}' are answered twice, by ${one} and by ${other}: a method has one place that answers it. A class that several modules provide is there several times: export it from one`,
  );
}

type Handler = (...args: unknown[]) => unknown;

/** The function of that name. */
export function handlerOf(holder: object, name: string): Handler {
  return (holder as Record<string, Handler>)[name] as Handler;
}

function callMethodsIn(provider: Provider): CallMethod[] {
  if (!provider.isMadeByNest) return [];
  return handlersIn(provider.class).flatMap((handler) => {
    const name = `${handler} in ${provider.name}`;
    const marks = callMarksOf(handlerOf(provider.class.prototype as object, handler));
    return marks.map((mark) => ({ ...mark, provider, handler, name }));
  });
}

/** The names of a class's functions that answer calls. */
function handlersIn(target: Type<object>): string[] {
  const prototype = target.prototype as object;
  return methodNamesOf(target).filter((name) => callMarksOf(handlerOf(prototype, name)).length > 0);
}

/** The parameters that Nest fills, as its decorators have noted them. */
type Parameters = Readonly<Record<string, { readonly index: number }>>;

/** Refuses what would be `undefined` in every call, or what nobody would check. */
function checkParameters({ provider, handler, schema, name }: CallMethod): void {
  const noted = Reflect.getMetadata(ROUTE_ARGS_METADATA, provider.class, handler) as Parameters;
  const parameters = Object.entries(noted).map(([key, { index }]) => ({
    index,
    isData: key.startsWith(`${RouteParamtypes.BODY}:`),
    isCustom: key.includes(CUSTOM_ROUTE_ARGS_METADATA),
  }));
  const stranger = parameters.find(({ isData, isCustom }) => !isData && !isCustom);
  if (stranger) {
    throw new ConfigurationError(
      `Parameter ${stranger.index + 1} of ${name} asks for a part of an HTTP request, and a call has none: use @CallData(), @CallContext() or @CurrentPrincipal()`,
    );
  }
  const { length } = handlerOf(provider.instance, handler);
  const filled = new Set(parameters.map(({ index }) => index));
  const bare = Array.from({ length }, (_, index) => index).find((index) => !filled.has(index));
  if (bare !== undefined) {
    throw new ConfigurationError(
      `Parameter ${bare + 1} of ${name} would always be undefined: write @CallData() or @CallContext() before it, or no decorator before any`,
    );
  }
  if (schema && !parameters.some(({ isData }) => isData)) {
    throw new ConfigurationError(
      `${name} has a schema, but no parameter with @CallData() that gets what it lets through`,
    );
  }
}
