import { Inject, Injectable, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { Operations } from '@trunkline/operations';
import { argumentsFor, type OperationMark, operationMarkOf } from './operation.ts';
import { ConfigurationError } from './options.ts';
import { methodNamesOf, type Provider, providersOf, refuseOthers } from './providers.ts';

/** A method that does the work of a type of operations, wherever one is started. */
interface OperationMethod {
  readonly mark: OperationMark;
  readonly provider: Provider;
  /** `importUsers in UserService of UsersModule`, for messages. */
  readonly name: string;
}

/** The methods with `@Operation` that are handlers of their type, too. */
@Injectable()
export class OperationMethods {
  readonly #modules: ModulesContainer;

  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    this.#modules = modules;
  }

  /**
   * Makes them the handlers. Asked when there are instances; throws `ConfigurationError` for what could not
   * be called at any time, and for a type whose work two of them do.
   */
  register(operations: Operations): void {
    const methods = providersOf(this.#modules).flatMap(methodsIn);
    const providers = methods.map(({ provider }) => provider);
    const standsIn = (target: Type<object>) => marksIn(target).length > 0;
    const decorator = '@Operation with a definition, or that is retryable,';
    refuseOthers(this.#modules, { name: decorator, standsIn }, providers);
    refuseSameType(methods);
    for (const { mark, provider } of methods) {
      provider.requireSingleton();
      operations.handle(mark.definition, ({ input }) =>
        mark.method.apply(provider.instance, argumentsFor(mark, input)),
      );
    }
  }
}

function methodsIn(provider: Provider): OperationMethod[] {
  if (!provider.isMadeByNest) return [];
  return marksIn(provider.class).map(([method, mark]) => {
    return { mark, provider, name: `${method} in ${provider.name}` };
  });
}

function marksIn(target: Type<object>): [method: string, mark: OperationMark][] {
  const prototype = target.prototype as Record<string, object>;
  return methodNamesOf(target).flatMap((name): [string, OperationMark][] => {
    const mark = operationMarkOf(prototype[name] ?? {});
    return mark?.isHandler ? [[name, mark]] : [];
  });
}

function refuseSameType(methods: readonly OperationMethod[]): void {
  const seen = new Map<string, string>();
  for (const { mark, name } of methods) {
    const { type } = mark.definition;
    const other = seen.get(type);
    if (other !== undefined) {
      throw new ConfigurationError(
        `The work of '${type}' is done twice, by ${other} and by ${name}: a type has one place that does its work. A class that several modules provide is there several times: export it from one`,
      );
    }
    seen.set(type, name);
  }
}
