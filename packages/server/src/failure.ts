import {
  disconnects,
  IsolationViolationError,
  isDisconnect,
  ProtocolError,
  protocolErrors,
} from './errors.ts';
import { describeError } from './log.ts';
import type { Command } from './protocol/command.ts';
import { errorReply } from './protocol/reply.ts';
import type { Session } from './session.ts';

/** Turns whatever went wrong into the protocol's words: a disconnect or an error reply. */
export function fail(session: Session, command: Command | null, error: unknown): void {
  if (isDisconnect(error)) return session.close(error);
  // The alarm has said so; whoever stands at the hole in the wall must not try again.
  if (error instanceof IsolationViolationError) return session.close(disconnects.internal);
  if (!(error instanceof ProtocolError)) {
    session.node.log.error('command_failed', { client: session.id, error: describeError(error) });
  }
  if (!command || !('id' in command)) return session.close(disconnects.internal);
  const reply = error instanceof ProtocolError ? error : protocolErrors.internal;
  if (command.method !== 'connect') return answer(session, command.id, reply);
  if (reply === protocolErrors.internal) return session.close(disconnects.internal);
  if (session.isClosed) return;
  session.refuse();
  answer(session, command.id, reply);
}

function answer(session: Session, id: number, error: ProtocolError): void {
  if (session.isClosed) return;
  session.node.counters.countError(error.code);
  session.write(errorReply(id, error));
  const disconnect = session.inbox.afterError(error);
  if (disconnect) session.close(disconnect);
}
