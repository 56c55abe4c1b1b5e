import { type ConfigurableModuleAsyncOptions, type DynamicModule, Module } from '@nestjs/common';
import type { WebSocketModuleOptions } from './options.ts';
import { WebSocketCoreModule } from './websocket-core.module.ts';

/**
 * `WebSocketModule.forRoot(…)` once, in the app's module, makes `WebSocketService` injectable
 * everywhere. A bare `imports: [WebSocketModule]` in a feature module says that it is used there.
 */
@Module({})
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
