import { ConsoleLogger } from '@nestjs/common';

/** Nest says under these names what it throws as well, and whoever catches it says it in better words. */
const THROWN = new Set<unknown>(['ExceptionHandler', 'NestApplication']);

/** Nest's logger, without its account of its own start. */
export class DemoLogger extends ConsoleLogger {
  constructor() {
    super({ logLevels: ['warn', 'error', 'fatal'] });
  }

  override error(message: unknown, ...more: unknown[]): void {
    if (!THROWN.has(more.at(-1))) super.error(message, ...more);
  }
}
