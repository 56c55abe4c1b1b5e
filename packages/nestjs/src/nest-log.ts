import { Logger } from '@nestjs/common';
import type { Log } from '@trunkline/server';

/** Writes to Nest's logger, in the context `Trunkline`. */
export function nestLog(): Log {
  const logger = new Logger('Trunkline');
  const text = (message: string, fields?: Record<string, unknown>) =>
    fields ? `${message} ${JSON.stringify(fields)}` : message;
  return {
    info: (message, fields) => logger.log(text(message, fields)),
    warn: (message, fields) => logger.warn(text(message, fields)),
    error: (message, fields) => logger.error(text(message, fields)),
  };
}
