import { type DynamicModule, Module } from '@nestjs/common';
import { OperationsCoreModule } from './operations-core.module.ts';
import type {
  OperationsModuleAsyncOptions,
  OperationsModuleOptions,
} from './operations-options.ts';

/**
 * `OperationsModule.forRoot(…)` once, in the app's module, beside `WebSocketModule.forRoot(…)`, makes
 * `Operations` injectable everywhere. A bare `imports: [OperationsModule]` in a feature module says that it is
 * used there.
 */
@Module({})
export class OperationsModule {
  /** Opens the operations. Throws `ConfigurationError` at boot when it is called twice. */
  static forRoot(options: OperationsModuleOptions): DynamicModule {
    return { module: OperationsModule, imports: [OperationsCoreModule.forRoot(options)] };
  }

  /** The same, with options from a factory: `{ imports?, inject?, useFactory, http? }`. */
  static forRootAsync(options: OperationsModuleAsyncOptions): DynamicModule {
    return { module: OperationsModule, imports: [OperationsCoreModule.forRootAsync(options)] };
  }
}
