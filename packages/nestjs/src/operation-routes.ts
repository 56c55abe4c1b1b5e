import { Controller, VERSION_NEUTRAL } from '@nestjs/common';
import type { Operations } from '@trunkline/operations';
import { inPlaceOf } from './in-place-of.ts';
import { describeRoutes } from './operation-openapi.ts';
import { OperationsController } from './operations.controller.ts';
import type { OperationRoutes, OperationsHttpOptions } from './operations-options.ts';
import { ConfigurationError } from './options.ts';
import { methodNamesOf } from './providers.ts';
import { StartingOperationsController } from './starting-operations.controller.ts';

/** The routes that the options ask for; `null`: none. Each application has a controller of its own. */
export function routesOf(http: OperationsHttpOptions | false = {}): OperationRoutes | null {
  if (http === false) return null;
  const { path = 'operations', start: definitions = [] } = http;
  const start = new Map(definitions.map((definition) => [definition.type, definition]));
  const controller = newController(path, start.size > 0);
  describeRoutes(controller, [...start.keys()]);
  return { path, controller, start };
}

/** Throws `ConfigurationError` for what clients could start, and nobody would do. */
export function refuseUnhandled(routes: OperationRoutes | null, operations: Operations): void {
  const types = [...(routes?.start.keys() ?? [])];
  const unhandled = types.filter((type) => !operations.hasHandler(type));
  if (unhandled.length === 0) return;
  throw new ConfigurationError(
    `http.start opens ${unhandled.join(', ')} to clients, and nobody does that work: write @Operation(definition) on a method, or call operations.handle(definition, work) in a constructor or an onModuleInit`,
  );
}

function newController(path: string, canStart: boolean): OperationRoutes['controller'] {
  const { OperationsController: controller } = canStart
    ? { OperationsController: class extends StartingOperationsController {} }
    : { OperationsController: class extends OperationsController {} };
  for (const name of methodNamesOf(controller)) ownMethod(controller.prototype, name);
  Controller({ path, version: VERSION_NEUTRAL })(controller);
  return controller;
}

/** What is noted of a method is noted of its function, and not to be another application's. */
function ownMethod(prototype: object, name: string): void {
  const method = (prototype as Record<string, (...args: unknown[]) => unknown>)[name];
  if (!method) return;
  const own = function (this: object, ...args: unknown[]) {
    return method.apply(this, args);
  };
  Object.defineProperty(prototype, name, {
    value: inPlaceOf(method, own),
    configurable: true,
    writable: true,
  });
}
