import type { OperationFailure } from '@trunkline/contract';
import { CANCELLED, crashed } from './errors.ts';
import type { Outcome } from './handle.ts';
import { toJson, toText } from './json.ts';
import type { Ending } from './transitions.ts';

/** A result larger than that is not stored: the work says with `setOutcome` where it is. */
const MAX_RESULT_BYTES = 16 * 1024;

/** What of a result is kept: all of it, or nothing with the reason. */
export function keptResult(result: unknown): { result: unknown; problem?: string } {
  let text: string | null;
  try {
    text = toJson(result);
  } catch (error) {
    return { result: undefined, problem: `it is no JSON: ${String(error)}` };
  }
  if (text === null) return { result: undefined };
  const bytes = Buffer.byteLength(text);
  // as it is now: the work may go on changing its own
  if (bytes <= MAX_RESULT_BYTES) return { result: JSON.parse(text) as unknown };
  return { result: undefined, problem: `it has ${bytes} bytes, more than ${MAX_RESULT_BYTES}` };
}

/** The end of work that has succeeded; what of its outcome is no text is left out. */
export function success(
  result: unknown,
  { message, resultRef, refresh }: Outcome & { readonly refresh: readonly string[] },
  isEphemeral: boolean,
): Ending {
  return {
    state: 'succeeded',
    message: typeof message === 'string' ? toText(message, 1000) : null,
    error: null,
    result: isEphemeral ? undefined : result,
    resultRef: typeof resultRef === 'string' ? toText(resultRef, 4000) : null,
    refresh,
  };
}

/** The end of work that has not. */
export function failure(
  state: 'failed' | 'cancelled' | 'crashed',
  error: OperationFailure,
  { refresh }: { readonly refresh: readonly string[] },
): Ending {
  const told = { ...error, message: toText(error.message, 1000) };
  return { state, message: null, error: told, result: undefined, resultRef: null, refresh };
}

/** The end of work that somebody has cancelled. */
export function cancellation(outcome: { readonly refresh: readonly string[] }): Ending {
  return failure('cancelled', CANCELLED, outcome);
}

/** The end of work whose process stops before it. */
export function interruption(
  reason: string,
  outcome: { readonly refresh: readonly string[] },
): Ending {
  return failure('crashed', crashed(reason), outcome);
}
