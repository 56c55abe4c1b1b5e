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
  type OnModuleDestroy,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { attach, Node } from '@trunkline/server';
import { type Monitoring, startMonitoring } from '@trunkline/server/monitoring';
import { BeforeDrain } from './before-drain.ts';
import { Calls } from './calls.ts';
import { nodeOptions } from './node-options.ts';
import { ConfigurationError, NODE, OPTIONS, type WebSocketModuleOptions } from './options.ts';
import { PrincipalSource } from './principal-source.ts';
import { refuseTwice } from './refuse-twice.ts';
import { RequestContextMiddleware, RequestPrincipalGuard } from './request-context.ts';
import { RoomPolicies } from './room-policies.ts';
import { WebSocketService } from './websocket.service.ts';

/** What `WebSocketModule.forRoot` brings in: one node for the whole application. */
@Global()
@Module({})
export class WebSocketCoreModule
  implements
    NestModule,
    OnApplicationBootstrap,
    OnModuleDestroy,
    BeforeApplicationShutdown,
    OnApplicationShutdown
{
  readonly #options: WebSocketModuleOptions;
  readonly #node: Node;
  readonly #adapterHost: HttpAdapterHost;
  readonly #policies: RoomPolicies;
  readonly #calls: Calls;
  readonly #beforeDrain: BeforeDrain;
  #monitoring: Monitoring | undefined;

  constructor(
    @Inject(OPTIONS) options: WebSocketModuleOptions,
    @Inject(NODE) node: Node,
    @Inject(HttpAdapterHost) adapterHost: HttpAdapterHost,
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(RoomPolicies) policies: RoomPolicies,
    @Inject(Calls) calls: Calls,
    @Inject(BeforeDrain) beforeDrain: BeforeDrain,
  ) {
    refuseTwice(modules, { core: WebSocketCoreModule, name: 'WebSocketModule' });
    this.#options = options;
    this.#node = node;
    this.#adapterHost = adapterHost;
    this.#policies = policies;
    this.#calls = calls;
    this.#beforeDrain = beforeDrain;
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

  // What is done before the good-byes takes its time: nobody shall come here meanwhile.
  onModuleDestroy(): void {
    this.#node.beginDrain();
  }

  // Nest closes the HTTP server next, and that close waits for upgraded sockets for ever.
  async beforeApplicationShutdown(): Promise<void> {
    await this.#beforeDrain.run();
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
      BeforeDrain,
      PrincipalSource,
      { provide: APP_GUARD, useClass: RequestPrincipalGuard },
      WebSocketService,
    ],
    exports: [WebSocketService, NODE, BeforeDrain],
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
  if (!listen && !broker?.isShared) {
    throw new ConfigurationError(
      'listen: false publishes to other nodes, but the memory broker has none: sends would go nowhere. Give it one that nodes share: redisBroker of @trunkline/server/redis.',
    );
  }
}
