import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  type ConfigurableModuleAsyncOptions,
  type DynamicModule,
  Global,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';
import { APP_GUARD, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { attach, MemoryBroker, Node } from '@trunkline/server';
import { type Monitoring, startMonitoring } from '@trunkline/server/monitoring';
import { Calls } from './calls.ts';
import { nodeOptions } from './node-options.ts';
import { ConfigurationError, NODE, OPTIONS, type WebSocketModuleOptions } from './options.ts';
import { PrincipalSource } from './principal-source.ts';
import { RequestContextMiddleware, RequestPrincipalGuard } from './request-context.ts';
import { RoomPolicies } from './room-policies.ts';
import { WebSocketService } from './websocket.service.ts';

/** What `WebSocketModule.forRoot` brings in: one node for the whole application. */
@Global()
@Module({})
export class WebSocketCoreModule
  implements NestModule, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  readonly #options: WebSocketModuleOptions;
  readonly #node: Node;
  readonly #adapterHost: HttpAdapterHost;
  readonly #policies: RoomPolicies;
  readonly #calls: Calls;
  #monitoring: Monitoring | undefined;

  constructor(
    @Inject(OPTIONS) options: WebSocketModuleOptions,
    @Inject(NODE) node: Node,
    @Inject(HttpAdapterHost) adapterHost: HttpAdapterHost,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(RoomPolicies) policies: RoomPolicies,
    @Inject(Calls) calls: Calls,
  ) {
    refuseTwice(modules);
    this.#options = options;
    this.#node = node;
    this.#adapterHost = adapterHost;
    this.#policies = policies;
    this.#calls = calls;
  }

  static forRoot(options: WebSocketModuleOptions): DynamicModule {
    return coreModule({ provide: OPTIONS, useValue: options });
  }

  static forRootAsync(
    async: ConfigurableModuleAsyncOptions<WebSocketModuleOptions>,
  ): DynamicModule {
    const { useFactory, inject = [], imports = [] } = async;
    if (!useFactory) throw new ConfigurationError('WebSocketModule.forRootAsync needs useFactory');
    return coreModule({ provide: OPTIONS, useFactory, inject }, imports);
  }

  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(RequestContextMiddleware).forRoutes('{*path}');
  }

  async onApplicationBootstrap(): Promise<void> {
    this.#policies.check();
    this.#calls.open();
    this.#attach();
    const { monitoring } = this.#options;
    if (monitoring) this.#monitoring = await startMonitoring(this.#node, monitoring);
  }

  #attach(): void {
    const { listen = true, path, httpFallback, origins, trustedProxies } = this.#options;
    if (!listen) return;
    const server = this.#adapterHost.httpAdapter?.getHttpServer() as Server | undefined;
    if (!server) {
      throw new ConfigurationError(
        'There is no HTTP server to attach to. A worker publishes without sockets: listen: false, with a broker that nodes share.',
      );
    }
    attach(server, this.#node, {
      ...(path ? { path } : {}),
      ...(httpFallback === undefined ? {} : { httpFallback }),
      ...(origins ? { origins } : {}),
      ...(trustedProxies ? { trustedProxies } : {}),
    });
  }

  // Nest closes the HTTP server next, and that close waits for upgraded sockets for ever.
  async beforeApplicationShutdown(): Promise<void> {
    await this.#node.drain(this.#options.drain);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#node.stop();
    await this.#monitoring?.stop();
  }
}

function coreModule(options: Provider, imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: WebSocketCoreModule,
    imports,
    providers: [
      options,
      RoomPolicies,
      Calls,
      { provide: NODE, useFactory: startNode, inject: [OPTIONS, RoomPolicies, Calls] },
      PrincipalSource,
      { provide: APP_GUARD, useClass: RequestPrincipalGuard },
      WebSocketService,
    ],
    exports: [WebSocketService, NODE],
  };
}

async function startNode(
  options: WebSocketModuleOptions,
  policies: RoomPolicies,
  calls: Calls,
): Promise<Node> {
  checkOptions(options);
  const node = new Node(nodeOptions(options, { policies, calls }));
  await node.start();
  return node;
}

function checkOptions({ authenticate, broker, listen = true }: Partial<WebSocketModuleOptions>) {
  if (listen && typeof authenticate !== 'function') {
    throw new ConfigurationError(
      'WebSocketModule.forRoot needs authenticate: (handshake) => Principal | null',
    );
  }
  if (!listen && (!broker || broker instanceof MemoryBroker)) {
    throw new ConfigurationError(
      'listen: false publishes to other nodes, but the memory broker has none: sends would go nowhere.',
    );
  }
}

function refuseTwice(modules: ModulesContainer): void {
  const all = [...modules.values()];
  const cores = all.filter(({ metatype }) => metatype === WebSocketCoreModule);
  if (cores.length < 2) return;
  const names = all.filter(({ metatype }) => callsForRoot(metatype)).map(({ name }) => name);
  throw new ConfigurationError(
    `WebSocketModule.forRoot was called ${cores.length} times, in ${names.join(' and ')}: call it once, in the app's module`,
  );
}

// Asked of the decorator: a global module stands among the resolved imports of every module.
function callsForRoot(metatype: object): boolean {
  const imports: unknown = Reflect.getMetadata(MODULE_METADATA.IMPORTS, metatype);
  return Array.isArray(imports) && imports.some(isCoreImport);
}

function isCoreImport(imported: Partial<DynamicModule> | undefined): boolean {
  return (
    imported?.imports?.some(
      (inner) => (inner as Partial<DynamicModule>).module === WebSocketCoreModule,
    ) ?? false
  );
}
