import { Inject, Injectable, RequestMethod, VERSION_NEUTRAL } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';
import { OPERATION_ROUTES, type OperationRoutes } from './operations-options.ts';

/** Knows under which path an operation can be looked at. */
@Injectable()
export class OperationLocation {
  readonly #routes: OperationRoutes | null;
  readonly #config: ApplicationConfig;

  constructor(
    @Inject(OPERATION_ROUTES) routes: OperationRoutes | null,
    @Inject(ApplicationConfig) config: ApplicationConfig,
  ) {
    this.#routes = routes;
    this.#config = config;
  }

  /** The path of an operation, with the prefix that the app gives its routes; `null`: it has none. */
  of(id: string): string | null {
    if (!this.#routes) return null;
    const versioningOptions = this.#config.getVersioning();
    const [path = null] = new RoutePathFactory(this.#config).create(
      {
        ctrlPath: this.#routes.path,
        methodPath: id,
        globalPrefix: this.#config.getGlobalPrefix(),
        controllerVersion: VERSION_NEUTRAL,
        ...(versioningOptions ? { versioningOptions } : {}),
      },
      RequestMethod.GET,
    );
    return path;
  }
}
