import {
  BadRequestException,
  ConflictException,
  ForbiddenException,
  HttpException,
  HttpStatus,
  NotFoundException,
  ServiceUnavailableException,
  UnauthorizedException,
  UnprocessableEntityException,
} from '@nestjs/common';
import {
  IdempotencyConflictError,
  InvalidInputError,
  OperationFailedError,
  OperationNotFoundError,
  OperationStateError,
  OperationStoreError,
  ShutdownError,
  TooManyOperationsError,
} from '@trunkline/operations';
import { AnonymousOwnerError, SupportViewError } from './operation-context.ts';

type Answer = [error: new (...args: never[]) => Error, answer: (message: string) => HttpException];

const ANSWERS: readonly Answer[] = [
  // the same words for absent and for another's
  [OperationNotFoundError, () => new NotFoundException('There is no such operation')],
  [OperationStateError, (message) => new ConflictException(message)],
  // how the one has ended that its idempotency key stands for: in words for users
  [OperationFailedError, (message) => new ConflictException(message)],
  // any other InvalidOperationError is a mistake of the app's, and no client's to read
  [InvalidInputError, (message) => new BadRequestException(message)],
  [IdempotencyConflictError, (message) => new UnprocessableEntityException(message)],
  [TooManyOperationsError, (message) => tooMany(message)],
  // what the error itself says is for developers
  [OperationStoreError, () => new ServiceUnavailableException('Operations cannot be reached now')],
  [ShutdownError, (message) => new ServiceUnavailableException(message)],
  [AnonymousOwnerError, () => new UnauthorizedException('Log in first')],
  [SupportViewError, () => new ForbiddenException('A support view is for looking')],
];

/** The errors that have an answer over HTTP. */
export const ANSWERED_ERRORS: readonly Answer[0][] = ANSWERS.map(([error]) => error);

/** What an error of operations is answered with over HTTP; anything else stays what it is. */
export function httpErrorOf(error: unknown): unknown {
  const found = ANSWERS.find(([type]) => error instanceof type);
  return found ? found[1]((error as Error).message) : error;
}

function tooMany(message: string): HttpException {
  const statusCode = HttpStatus.TOO_MANY_REQUESTS;
  return new HttpException({ statusCode, message, error: 'Too Many Requests' }, statusCode);
}
