import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { ConfigurationError } from './options.ts';

/** A provider of the app, whose instance is there when all of the app's are. */
export interface Provider {
  /** What the instance is made from; of what is no class (`useValue`, `useFactory`) the token, if that is one. */
  readonly class: Type<object>;
  /** Nest makes the instance from the class, and so knows the guards, pipes, … that stand there. */
  readonly isMadeByNest: boolean;
  /** `ChatCalls of ChatModule`, for messages. */
  readonly name: string;
  readonly instance: object;
  /** Throws `ConfigurationError` for what Nest makes anew for each request or dependent. */
  requireSingleton(): void;
}

type Module = ModulesContainer extends Map<string, infer M> ? M : never;
type Wrapper = Module['providers'] extends Map<unknown, infer W> ? W : never;

/** Every provider whose class is known before there are instances. */
export function providersOf(modules: ModulesContainer): Provider[] {
  return [...modules.values()].flatMap((module) =>
    [...module.providers.values()].flatMap((wrapper) => providerOf(wrapper, module) ?? []),
  );
}

/** A decorator that makes something of a provider. */
interface Decorator {
  /** E.g. `@OnCall`. */
  readonly name: string;
  /** Does it stand in this class? */
  standsIn(target: Type<object>): boolean;
}

/**
 * Throws `ConfigurationError` where a decorator stands in vain: in a class whose instance only a factory
 * knows, or in a controller. Asked when there are instances.
 */
export function refuseOthers(
  modules: ModulesContainer,
  decorator: Decorator,
  found: readonly Provider[],
): void {
  const instances = new Set(found.map(({ instance }) => instance));
  for (const module of modules.values()) {
    for (const { instance, isNotMetatype } of module.providers.values()) {
      const target = classOf(instance);
      const isInVain = isNotMetatype && target !== null && !instances.has(instance as object);
      if (!isInVain || !decorator.standsIn(target)) continue;
      throw new ConfigurationError(
        `${decorator.name} in ${target.name} of ${module.name} is not found, because Nest does not make the instance: list the class itself among the providers, or as useClass, instead of useFactory or useValue`,
      );
    }
    for (const { metatype } of module.controllers.values()) {
      if (!isClass(metatype) || !decorator.standsIn(metatype)) continue;
      throw new ConfigurationError(
        `${decorator.name} in ${metatype.name} of ${module.name} belongs into a provider: in a controller its guards would not be asked`,
      );
    }
  }
}

/** The names of all methods of a class, inherited ones too. */
export function methodNamesOf(target: Type<object>): string[] {
  return new MetadataScanner().getAllMethodNames(target.prototype as object);
}

function providerOf(wrapper: Wrapper, module: Module): Provider | null {
  const { metatype, token, isNotMetatype, isAlias } = wrapper;
  const target: unknown = isNotMetatype ? token : metatype;
  if (isAlias || !isClass(target)) return null;
  const name = `${target.name} of ${module.name}`;
  return {
    class: target,
    isMadeByNest: !isNotMetatype,
    name,
    get instance() {
      return wrapper.instance as object;
    },
    requireSingleton: () => {
      if (!wrapper.isTransient && wrapper.isDependencyTreeStatic()) return;
      throw new ConfigurationError(
        `${name} is not a singleton, or something that it needs is made for each HTTP request: a provider, a guard, a pipe, an interceptor or a filter, its own or a global one (APP_GUARD, …). Here there is no request: who acts is in currentPrincipal()`,
      );
    },
  };
}

function classOf(instance: unknown): Type<object> | null {
  if (typeof instance !== 'object' || instance === null) return null;
  const { constructor } = instance;
  return isClass(constructor) ? constructor : null;
}

function isClass(value: unknown): value is Type<object> {
  return typeof value === 'function' && typeof value.prototype === 'object';
}
