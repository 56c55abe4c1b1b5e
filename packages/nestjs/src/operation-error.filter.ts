import { type ArgumentsHost, Catch, HttpException, Inject, Optional } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { OperationStoreError } from '@trunkline/operations';
import { describeError, type Node } from '@trunkline/server';
import { ANSWERED_ERRORS, httpErrorOf } from './operation-http-error.ts';
import { NODE } from './options.ts';

const UNAVAILABLE = 503;
const RETRY_AFTER_SECONDS = '5';

/**
 * Answers the errors of operations over HTTP: 404 for what is not there or not the caller's, 409 for what
 * does not fit its state, … Of a call (`@OnCall`) the code is the same. Fit for `@UseFilters` and as an
 * `APP_FILTER`.
 */
@Catch(...ANSWERED_ERRORS)
export class OperationErrorFilter extends BaseExceptionFilter {
  readonly #node: Node | undefined;

  constructor(@Optional() @Inject(NODE) node?: Node) {
    super();
    this.#node = node;
  }

  override catch(exception: Error, host: ArgumentsHost): void {
    const answer = httpErrorOf(exception);
    if (!(answer instanceof HttpException) || host.getType() !== 'http') throw answer;
    if (exception instanceof OperationStoreError) this.#log(exception);
    if (answer.getStatus() === UNAVAILABLE) this.#setRetryAfter(host);
    // oxlint-disable-next-line promise/valid-params -- Nest's catch, no promise's
    super.catch(answer, host);
  }

  /** The client does not read what it was. */
  #log(error: OperationStoreError): void {
    this.#node?.log.error('operation_store_failed', { error: describeError(error) });
  }

  #setRetryAfter(host: ArgumentsHost): void {
    const adapter = this.httpAdapterHost?.httpAdapter;
    const response: unknown = host.switchToHttp().getResponse();
    if (!adapter || adapter.isHeadersSent(response)) return;
    adapter.setHeader(response, 'Retry-After', RETRY_AFTER_SECONDS);
  }
}
