import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { OperationCancelledError, ShutdownError, UserFacingError } from '@trunkline/nestjs';

const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  'too-large': 413,
  'storage-full': 507,
};

/**
 * Why something was not done, as the answer of a request. With an `operationId` the user has been told
 * already, by the operation's toast.
 */
export function httpRefusal(error: unknown, operationId?: string): unknown {
  const status = statusOf(error);
  if (status === undefined || !(error instanceof Error)) return error;
  const told = operationId === undefined ? {} : { operationId };
  const body = {
    statusCode: status,
    error: STATUS_CODES[status] ?? 'Error',
    message: error.message,
    ...told,
  };
  return new HttpException(body, status, { cause: error });
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof UserFacingError) return STATUS_OF_CODE[error.code] ?? 400;
  if (error instanceof OperationCancelledError) return 409;
  return error instanceof ShutdownError ? 503 : undefined;
}
