import { STATUS_CODES } from 'node:http';
import { Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import { EXCEPTION_FILTERS_METADATA } from '@nestjs/common/constants.js';
import { Disconnect, ProtocolError } from '@trunkline/server';

const MAX_TEXT = 1_000;

/**
 * What a client is answered for what a call has thrown: an `HttpException` becomes an error with its
 * status and text. Anything else stays what it is, which is for the node to answer.
 */
export function answerFor(error: unknown): unknown {
  if (!(error instanceof HttpException)) return error;
  const code = error.getStatus();
  const isAnswer = Number.isInteger(code) && code >= 400 && code <= 1999;
  return isAnswer ? new ProtocolError(code, textOf(error, code).slice(0, MAX_TEXT)) : error;
}

/** What Nest would answer over HTTP. */
function textOf(exception: HttpException, code: number): string {
  const response = exception.getResponse();
  if (typeof response === 'string') return response;
  // Nest does not show what an error says that was given as the whole answer.
  if (response instanceof Error) return STATUS_CODES[code] ?? 'error';
  const { message } = response as { message?: unknown };
  if (Array.isArray(message)) return message.map(String).join('; ');
  return exception.message;
}

/** Lets the protocol's own words go by: no filter's business, nor an error that Nest is to log. */
@Catch(ProtocolError, Disconnect)
class ProtocolErrorFilter implements ExceptionFilter {
  catch(exception: Error): never {
    throw exception;
  }
}

const protocolErrorFilter = new ProtocolErrorFilter();

/**
 * Keeps the filters of a method's class and the global ones from what is said in the protocol's own words.
 * Filters of the method itself come before, on whichever side of `@OnCall` they stand.
 */
export function letProtocolErrorsPass(handler: object): void {
  const filters: unknown[] = Reflect.getMetadata(EXCEPTION_FILTERS_METADATA, handler) ?? [];
  if (filters.includes(protocolErrorFilter)) return;
  Reflect.defineMetadata(EXCEPTION_FILTERS_METADATA, [protocolErrorFilter, ...filters], handler);
}
