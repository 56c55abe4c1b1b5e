import type { IncomingMessage } from 'node:http';
import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { describeIdempotencyKey } from './operation-openapi.ts';

const MAX_LENGTH = 255;
/** A string of structured fields (RFC 8941), as the header's draft has it. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
/** As many clients write it. */
const BARE = /^[\w.~:/+=@!#$%&'*^`|-]+$/;

/** The parameter alone, without a word to swagger. */
export const ReadIdempotencyKey: () => ParameterDecorator = createParamDecorator(
  (_: unknown, execution: ExecutionContext) => {
    const { headers } = execution.switchToHttp().getRequest<IncomingMessage>();
    return idempotencyKeyIn(headers['idempotency-key']);
  },
);

/**
 * A parameter: the key of the header `Idempotency-Key`, for `operations.start`; `undefined` without one, 400
 * for what is none.
 */
export function IdempotencyKey(): ParameterDecorator {
  return (target, name, index) => {
    ReadIdempotencyKey()(target, name, index);
    if (name !== undefined) describeIdempotencyKey(target, name);
  };
}

function idempotencyKeyIn(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = String(header).trim();
  const quoted = QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  const key = quoted ?? (BARE.test(text) ? text : '');
  if (key !== '' && key.length <= MAX_LENGTH) return key;
  throw new BadRequestException(
    `Idempotency-Key is a string of 1 to ${MAX_LENGTH} characters, e.g. "8e03978e-40d5-43e8-bc93-6894a57f9324"`,
  );
}
