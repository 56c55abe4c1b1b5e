import { pino } from 'pino';
import type { AuditRecord, AuditSink } from './audit.ts';

/** As much of a pino logger as it takes. */
export interface AuditLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * Writes records as lines of JSON to the process's standard output, under the name `audit`, or to a pino
 * logger of the app's own: what was allowed as `info`, what was denied as `warn`, and what must never
 * happen as `error`.
 */
export function pinoAudit(logger: AuditLogger = pino({ name: 'audit' })): AuditSink {
  return { record: (record) => logger[levelOf(record)](record, record.action) };
}

function levelOf({ action, outcome }: AuditRecord): keyof AuditLogger {
  if (action === 'isolation-violation') return 'error';
  return outcome === 'denied' ? 'warn' : 'info';
}
