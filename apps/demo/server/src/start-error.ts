import { BrokerUnavailableError } from '@trunkline/server';
import { EnvironmentError } from './environment.ts';
import { DataFolderInUseError } from './infrastructure/database/data-folder-lock.ts';
import { rootCause } from './root-cause.ts';

/** Why the server did not start: what to do where that is known, else the whole error. */
export function explain(error: unknown): string {
  if (error instanceof EnvironmentError || error instanceof DataFolderInUseError) {
    return error.message;
  }
  const cause = rootCause(error) as NodeJS.ErrnoException & { port?: number; address?: string };
  if (error instanceof BrokerUnavailableError) {
    return `The Redis of REDIS_URL is of no use: ${cause.message}`;
  }
  switch (cause?.code) {
    case 'EADDRINUSE':
      return `Port ${cause.port} is in use. Stop what uses it, or take another: PORT=${(cause.port ?? 3000) + 1} npm start`;
    case 'EACCES':
      return `No permission: ${cause.message}`;
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
      return `The database of DATABASE_URL does not answer: ${cause.message}`;
    case '28P01':
    case '3D000':
      return `The database of DATABASE_URL refuses: ${cause.message}`;
    default:
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
