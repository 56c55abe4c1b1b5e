import { type ConfigurableModuleAsyncOptions, type DynamicModule, Module } from '@nestjs/common';
import type { Node } from '@trunkline/server';
import { ConfigurationError, NODE, type WebSocketModuleOptions } from './options.ts';
import { WebSocketService } from './websocket.service.ts';
import { WebSocketCoreModule } from './websocket-core.module.ts';

/**
 * `WebSocketModule.forRoot(…)` once, in the app's module, makes `WebSocketService` injectable
 * everywhere. A bare `imports: [WebSocketModule]` in a feature module says that it is used there.
 */
@Module({
  providers: [
    {
      provide: WebSocketService,
      inject: [{ token: NODE, optional: true }],
      useFactory: (node?: Node) => new WebSocketService(node ?? missingNode()),
    },
  ],
  exports: [WebSocketService],
})
export class WebSocketModule {
  /** Sets up the node. Throws `ConfigurationError` at boot when it is called twice. */
  static forRoot(options: WebSocketModuleOptions): DynamicModule {
    return { module: WebSocketModule, imports: [WebSocketCoreModule.forRoot(options)] };
  }

  /** The same, with options from a factory: `{ imports?, inject?, useFactory }`. */
  static forRootAsync(
    options: ConfigurableModuleAsyncOptions<WebSocketModuleOptions>,
  ): DynamicModule {
    return { module: WebSocketModule, imports: [WebSocketCoreModule.forRootAsync(options)] };
  }
}

function missingNode(): never {
  throw new ConfigurationError(
    "A module imports WebSocketModule, but none sets it up: write WebSocketModule.forRoot({ authenticate, … }) once, in the imports of the app's module",
  );
}
