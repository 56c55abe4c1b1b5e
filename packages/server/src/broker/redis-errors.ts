import { ReplyError } from 'ioredis';
import { BrokerUnavailableError } from './broker.ts';

/** A command was sent, and what became of it is not known. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

const ACL_ADVICE =
  'its ACL forbids it: ACL SETUSER … ~prefix:* &prefix:* +@read +@write +@pubsub +@scripting +@connection -@dangerous +info +time +wait (in a cluster +cluster|info +cluster|slots)';

// What Redis answers where it has not done what was asked, and what helps.
const REFUSALS: Readonly<Record<string, string>> = {
  OOM: 'it is full: raise `maxmemory`, or let it evict',
  READONLY: 'it is a replica: connect to the primary, or by way of Sentinel',
  LOADING: 'it is reading its data: try again later',
  MASTERDOWN: 'it is a replica without a primary',
  CLUSTERDOWN: 'the cluster is incomplete: try again later',
  MOVED: 'the slot has moved: try again',
  ASK: 'the slot is moving: try again',
  TRYAGAIN: 'the slot is moving: try again',
  CROSSSLOT: 'it is a cluster: give `connection: { cluster: [...] }`',
  NOPERM: ACL_ADVICE,
  NOAUTH: 'it wants a password: give one in `connection`',
  WRONGPASS: 'user or password is wrong: correct them in `connection`',
  NOSCRIPT: 'its scripts were flushed, and are being loaded again: try again',
  MISCONF: 'it cannot save its data: see its log',
  NOREPLICAS: 'it has fewer replicas than `min-replicas-to-write`',
  BUSY: "somebody else's script is running in it",
  WRONGTYPE: 'the key holds something else: is the prefix used by another application?',
  NOFENCE:
    "the epoch fence cannot read INFO: allow it (`ACL SETUSER … +info`), or set `epochFence: 'off'`",
};

/**
 * The same error without the command that it is about: what it was given are passwords and events, and
 * errors are printed.
 */
export function withoutCommand(error: Error): Error {
  delete (error as { command?: unknown }).command;
  return error;
}

/** What became of a command, from what ioredis says: certainly not done, or not known. */
export function failureOf(command: string, error: unknown): Error {
  const code = refusalOf(error);
  if (code !== null) {
    const advice = REFUSALS[code] ?? '';
    const { message } = error as Error;
    return new BrokerUnavailableError(`Redis refused ${command} (${advice}): ${message}`, {
      cause: error,
    });
  }
  if (error instanceof ReplyError) {
    // A script that is not allowed something may have done a part of what it does.
    const { message } = error as Error;
    const advice = /user executing the script|ACL failure/.test(message) ? ` (${ACL_ADVICE})` : '';
    return new NoAnswerError(`Redis failed at ${command}${advice}: ${message}`, { cause: error });
  }
  return lostAnswer(command, error);
}

/** A command was sent, and the connection over which it would be answered is gone. */
export function lostAnswer(command: string, cause: unknown): NoAnswerError {
  return new NoAnswerError(`The connection to Redis was lost before it answered ${command}`, {
    cause,
  });
}

/** The code of an answer that says that nothing was done; `null` for all else. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof ReplyError)) return null;
  const { message } = error as Error;
  // Redis 6 wraps what a script has met: `ERR Error running script …: @user_script: 7: -OOM …`
  const [, code = ''] =
    /@user_script: ?\d+: -([A-Z]+) /.exec(message) ?? /^([A-Z]+)/.exec(message) ?? [];
  return code in REFUSALS ? code : null;
}

/** Is this an answer that waiting does not change? */
export function isLasting(error: unknown): boolean {
  return ['NOPERM', 'NOAUTH', 'WRONGPASS', 'NOFENCE'].includes(refusalOf(error) ?? '');
}

/** Does an answer with this code say that another node of the cluster is responsible, or will be? */
export function isMove(code: string): boolean {
  return ['MOVED', 'ASK', 'TRYAGAIN', 'CLUSTERDOWN'].includes(code);
}
