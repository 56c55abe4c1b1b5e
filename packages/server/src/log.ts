/** Where a node writes: one structured record per call, fields first for machines, no secrets. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Writes to the console; what a node uses when it is given no log. */
export const consoleLog: Log = {
  info: (message, fields) => console.info(message, fields ?? ''),
  warn: (message, fields) => console.warn(message, fields ?? ''),
  error: (message, fields) => console.error(message, fields ?? ''),
};

/** A log whose failures are nobody else's: a full disk must not stop a fan-out. */
export function harmlessLog(log: Log): Log {
  const write =
    (level: keyof Log): Log[typeof level] =>
    (message, fields) => {
      void attempt(() => log[level](message, fields));
    };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

// Awaited, because an async log is a legal `() => void` and its rejection would end the process.
async function attempt(call: () => unknown): Promise<void> {
  try {
    await call();
  } catch {
    // nowhere left to say it
  }
}

const PAUSE_MS = 1_000;

/** A log for what strangers can cause: each kind at most once a second, and how often it came in between. */
export class ThrottledLog {
  readonly #log: Log;
  /** Of each kind, when it was last said and how often it was not said since. The kinds are few. */
  readonly #said = new Map<string, { at: number; suppressed: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  warn(message: string, kind: string, fields: Record<string, unknown>): void {
    this.#say('warn', message, { kind, fields });
  }

  error(message: string, kind: string, fields: Record<string, unknown>): void {
    this.#say('error', message, { kind, fields });
  }

  #say(level: 'warn' | 'error', message: string, { kind, fields }: Said): void {
    const now = performance.now();
    const last = this.#said.get(kind);
    if (last && now - last.at < PAUSE_MS) {
      last.suppressed += 1;
      return;
    }
    const suppressed = last?.suppressed ?? 0;
    this.#said.set(kind, { at: now, suppressed: 0 });
    this.#log[level](message, suppressed > 0 ? { ...fields, suppressed } : fields);
  }
}

interface Said {
  readonly kind: string;
  readonly fields: Record<string, unknown>;
}

const MAX_DESCRIPTION = 300;
const MAX_CAUSES = 10;

/**
 * An error as a log may hold it: name, code and message of its root cause, at most 300 characters.
 * The errors around it may carry a statement's parameters: passwords, tokens, people's data.
 */
export function describeError(error: unknown): string {
  try {
    return describe(rootOf(error)).slice(0, MAX_DESCRIPTION);
  } catch {
    return 'an error that cannot be described';
  }
}

function rootOf(error: unknown): unknown {
  let root = error;
  for (let depth = 0; depth < MAX_CAUSES; depth += 1) {
    if (!(root instanceof Error) || root.cause === undefined || root.cause === null) return root;
    root = root.cause;
  }
  return root;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const hasCode = typeof code === 'string' || typeof code === 'number';
  const [message = ''] = error.message.split('\nparams: ');
  return `${error.name}${hasCode ? ` ${code}` : ''}: ${message}`;
}
