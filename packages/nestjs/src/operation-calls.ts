import {
  CANCEL_OPERATION_CALL,
  OPERATIONS_CALL,
  RETRY_OPERATION_CALL,
  SEEN_OPERATIONS_CALL,
} from '@trunkline/contract';
import {
  InvalidInputError,
  OperationNotFoundError,
  OperationStateError,
  type Operations,
} from '@trunkline/operations';
import { type Node, ProtocolError, protocolErrors } from '@trunkline/server';
import { asCaller } from './as-caller.ts';
import { SupportViewError } from './operation-context.ts';
import { pageThatFits } from './operation-page.ts';

type Answer = (data: Readonly<Record<string, unknown>>) => Promise<unknown>;

const MAX_REPLY_BYTES = 256 * 1024;
const MAX_SEEN = 200;
const MAX_TEXT = 1000;

/** Answers what pages ask of operations over their connection, each as the principal of the connection. */
export function answerOperationCalls(node: Node, operations: Operations): void {
  const maxBytes = Math.min(MAX_REPLY_BYTES, node.limits.maxRecoveryBytes);
  const answers: Record<string, Answer> = {
    [OPERATIONS_CALL]: async (filter) => pageThatFits(await operations.list(filter), maxBytes),
    // neither has a result: what was just cancelled, or begins again, has not succeeded
    [CANCEL_OPERATION_CALL]: ({ id }) => operations.cancel(checkedId(id)),
    [RETRY_OPERATION_CALL]: ({ id }) => operations.retry(checkedId(id)),
    [SEEN_OPERATIONS_CALL]: async ({ ids }) => {
      await operations.markSeen(checkedIds(ids));
      return null;
    },
  };
  for (const [method, answer] of Object.entries(answers)) {
    node.ownMethods.answer(
      method,
      asCaller((_principal, data) => answered(answer, data)),
      { hasEffect: method !== OPERATIONS_CALL },
    );
  }
}

async function answered(answer: Answer, data: unknown): Promise<unknown> {
  const fields = data ?? {};
  if (typeof fields !== 'object' || Array.isArray(fields)) throw protocolErrors.badRequest;
  try {
    return await answer(fields as Record<string, unknown>);
  } catch (error) {
    throw answerFor(error);
  }
}

/** Absent, another tenant's and not meant for the caller are one answer, to the byte. */
function answerFor(error: unknown): unknown {
  if (error instanceof OperationNotFoundError || error instanceof SupportViewError) {
    return protocolErrors.permissionDenied;
  }
  if (error instanceof OperationStateError) return told(409, error);
  if (error instanceof InvalidInputError) return told(400, error);
  return error;
}

function told(code: number, { message }: Error): ProtocolError {
  return new ProtocolError(code, message.slice(0, MAX_TEXT));
}

function checkedId(id: unknown): string {
  if (typeof id !== 'string') throw protocolErrors.badRequest;
  return id;
}

function checkedIds(ids: unknown): string[] {
  const isList = Array.isArray(ids) && ids.length <= MAX_SEEN;
  if (!isList || !ids.every((id) => typeof id === 'string')) throw protocolErrors.badRequest;
  return ids;
}
