/** Where the engine says what it does: a message in `snake_case` and its fields. */
export interface OperationLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Lines of JSON on standard error. */
export const consoleLog: OperationLog = {
  info: () => {},
  warn: (message, fields) => console.error(JSON.stringify({ level: 'warn', message, ...fields })),
  error: (message, fields) => console.error(JSON.stringify({ level: 'error', message, ...fields })),
};

/** The same log, of which nothing is thrown: that it fails must not fail what it tells of. */
export function unfailing(log: OperationLog): OperationLog {
  const told =
    (level: keyof OperationLog): OperationLog['info'] =>
    (message, fields) => {
      try {
        log[level](message, fields);
      } catch {
        // there is nobody else to tell
      }
    };
  return { info: told('info'), warn: told('warn'), error: told('error') };
}

const MAX_CAUSES = 5;

/** An error as a field of a log line, with its causes. Never throws, whatever was thrown. */
export function describeError(error: unknown, causes = 0): string {
  try {
    if (!(error instanceof Error)) return String(error);
    const text = error.stack ?? `${error.name}: ${error.message}`;
    if (error.cause === undefined || causes === MAX_CAUSES) return text;
    return `${text}\nbecause of ${describeError(error.cause, causes + 1)}`;
  } catch {
    return 'something that cannot be described';
  }
}
