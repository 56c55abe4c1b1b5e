import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  HttpCode,
  Inject,
  Injectable,
  type NestInterceptor,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { OperationSnapshot } from '@trunkline/contract';
import { type Observable, tap } from 'rxjs';
import { OperationErrorFilter } from './operation-error.filter.ts';
import { OperationLocation } from './operation-location.ts';
import { describeStart } from './operation-openapi.ts';

/** Says in `Location` where the operation is that a route has started. */
@Injectable()
class LocationInterceptor implements NestInterceptor<OperationSnapshot> {
  readonly #location: OperationLocation;
  readonly #adapterHost: HttpAdapterHost;

  constructor(
    @Inject(OperationLocation) location: OperationLocation,
    @Inject(HttpAdapterHost) adapterHost: HttpAdapterHost,
  ) {
    this.#location = location;
    this.#adapterHost = adapterHost;
  }

  intercept(
    execution: ExecutionContext,
    next: CallHandler<OperationSnapshot>,
  ): Observable<OperationSnapshot> {
    return next.handle().pipe(tap(({ id }) => this.#setLocation(execution, id)));
  }

  #setLocation(execution: ExecutionContext, id: string): void {
    const path = this.#location.of(id);
    const response: unknown = execution.switchToHttp().getResponse();
    if (path !== null) this.#adapterHost.httpAdapter.setHeader(response, 'Location', path);
  }
}

/** A method of a controller that answers with the operation that it has started. */
type Starting = (...args: never[]) => OperationSnapshot | Promise<OperationSnapshot>;

/** A decorator that only fits such a method. */
type StartingDecorator = <T extends Starting>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

/**
 * A route that starts an operation and returns it: it answers 202 with `Location`, and the errors of
 * operations with their status (`OperationErrorFilter`).
 */
export function StartsOperation(): StartingDecorator {
  return applyDecorators(AnswersAsStarted(), describeStart);
}

/** The same, without a word to swagger. */
export function AnswersAsStarted(): MethodDecorator {
  return applyDecorators(
    HttpCode(202),
    UseInterceptors(LocationInterceptor),
    UseFilters(OperationErrorFilter),
  );
}
