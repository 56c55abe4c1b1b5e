import {
  type DynamicModule,
  Global,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Operations } from '@trunkline/operations';
import type { Node } from '@trunkline/server';
import { BeforeDrain } from './before-drain.ts';
import { openOperations } from './open-operations.ts';
import { OperationLocation } from './operation-location.ts';
import { OperationMethods } from './operation-methods.ts';
import { refuseUnhandled, routesOf } from './operation-routes.ts';
import {
  OPERATION_ROUTES,
  OPERATIONS_OPTIONS,
  type OperationRoutes,
  type OperationsFactoryOptions,
  type OperationsModuleAsyncOptions,
  type OperationsModuleOptions,
} from './operations-options.ts';
import { ConfigurationError, NODE } from './options.ts';
import { refuseTwice } from './refuse-twice.ts';

/** What `OperationsModule.forRoot` brings in: the operations of the whole application. */
@Global()
@Module({})
export class OperationsCoreModule implements OnModuleInit, OnApplicationBootstrap {
  readonly #operations: Operations;
  readonly #methods: OperationMethods;
  readonly #routes: OperationRoutes | null;

  constructor(
    @Inject(Operations) operations: Operations,
    @Inject(OperationMethods) methods: OperationMethods,
    @Inject(OPERATION_ROUTES) routes: OperationRoutes | null,
  ) {
    this.#operations = operations;
    this.#methods = methods;
    this.#routes = routes;
  }

  static forRoot({ http, ...options }: OperationsModuleOptions): DynamicModule {
    return coreModule({ provide: OPERATIONS_OPTIONS, useValue: options }, { http });
  }

  static forRootAsync({
    useFactory,
    inject = [],
    imports = [],
    http,
  }: OperationsModuleAsyncOptions): DynamicModule {
    if (!useFactory) throw new ConfigurationError('OperationsModule.forRootAsync needs useFactory');
    return coreModule({ provide: OPERATIONS_OPTIONS, useFactory, inject }, { http, imports });
  }

  onModuleInit(): void {
    this.#methods.register(this.#operations);
  }

  // What the last process has left must not begin in a module that has not come to its onModuleInit.
  async onApplicationBootstrap(): Promise<void> {
    // a test of the app's may have put something else in their place
    if (!(this.#operations instanceof Operations)) return;
    refuseUnhandled(this.#routes, this.#operations);
    await this.#operations.begin();
  }
}

interface Surroundings {
  readonly http: OperationsModuleOptions['http'] | undefined;
  readonly imports?: NonNullable<DynamicModule['imports']>;
}

function coreModule(options: Provider, { http, imports = [] }: Surroundings): DynamicModule {
  const routes = routesOf(http);
  return {
    module: OperationsCoreModule,
    imports,
    controllers: routes ? [routes.controller] : [],
    providers: [
      options,
      { provide: OPERATION_ROUTES, useValue: routes },
      {
        provide: Operations,
        inject: [
          ModulesContainer,
          OPERATIONS_OPTIONS,
          { token: NODE, optional: true },
          { token: BeforeDrain, optional: true },
        ],
        useFactory: openOnce,
      },
      OperationLocation,
      OperationMethods,
    ],
    exports: [Operations, OperationLocation],
  };
}

async function openOnce(
  modules: ModulesContainer,
  options: OperationsFactoryOptions,
  node?: Node,
  beforeDrain?: BeforeDrain,
): Promise<Operations> {
  refuseTwice(modules, { core: OperationsCoreModule, name: 'OperationsModule' });
  if (node && beforeDrain) return await openOperations(options, { node, beforeDrain });
  throw new ConfigurationError(
    "OperationsModule tells users of their operations, and nothing here can: write WebSocketModule.forRoot({ authenticate, … }) beside it, in the imports of the app's module",
  );
}
