/** Why a call failed, as a word to act on. */
export type CallFailure =
  | 'bad-argument'
  | 'forbidden'
  | 'not-found'
  | 'too-many'
  | 'timeout'
  | 'disconnected'
  | 'failed';

/** Calls one of the server's methods and resolves to its answer; rejects with a `CallError`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the answer's type
export type Call = <T = unknown>(method: string, data?: unknown) => Promise<T>;

/** The server's own codes, the statuses of HTTP exceptions, and those of centrifuge (below 100). */
const REASONS: Readonly<Record<number, CallFailure>> = {
  1: 'timeout',
  2: 'disconnected',
  3: 'disconnected',
  4: 'disconnected',
  10: 'disconnected',
  11: 'disconnected',
  103: 'forbidden',
  104: 'not-found',
  107: 'bad-argument',
  108: 'not-found',
  111: 'too-many',
  400: 'bad-argument',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  429: 'too-many',
};

/** A call, or a publication, that did not succeed. `message` is the server's. */
export class CallError extends Error {
  override readonly name = 'CallError';
  /** The server's code; below 100: there was no answer. */
  readonly code: number;
  readonly reason: CallFailure;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
    this.reason = REASONS[code] ?? 'failed';
  }
}

/** There is no connection to call over. */
export function notConnected(): CallError {
  return new CallError(3, 'Not connected to the server.');
}

/** What centrifuge rejects with, a plain object, as an error. */
export function toCallError(error: unknown): CallError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === 'string' && message !== '' ? message : 'The call has failed.';
  return new CallError(typeof code === 'number' ? code : 100, text);
}

/** Throws a `CallError` for what JSON has no words for: centrifuge would call it a network failure. */
export function requireJson(data: unknown): void {
  try {
    JSON.stringify(data);
  } catch (error) {
    throw new CallError(400, `The data cannot be sent as JSON: ${(error as Error).message}`);
  }
}
