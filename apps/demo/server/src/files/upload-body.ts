import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { UserFacingError } from '@trunkline/nestjs';
import { megabytes } from '@/numbers';

/** A request as the platform hands it out: Node's own on Express, wrapped on Fastify. */
export type UploadRequest = IncomingMessage | { readonly raw: IncomingMessage };

/** Node's own request: its body has not been read, because no parser takes an octet stream. */
export function incomingOf(request: UploadRequest): IncomingMessage {
  return 'raw' in request ? request.raw : request;
}

/** How many bytes a request says that it brings; `undefined`: it does not say. */
export function declaredBytes({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/**
 * The body of a request, as it comes. It fails when the request breaks off or the signal says so. Whoever
 * stops reading leaves the request alive: it can still be answered, and what else it brings is thrown away.
 */
export function bodyOf(request: IncomingMessage, signal: AbortSignal): Readable {
  const body = new PassThrough();
  let received = 0;
  const stop = () => body.destroy(signal.reason as Error);
  const breakOff = () => {
    if (!request.complete) body.destroy(brokenOff(received));
  };
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  request.once('close', breakOff);
  signal.addEventListener('abort', stop);
  request.pipe(body);
  body.once('close', () => {
    signal.removeEventListener('abort', stop);
    request.off('close', breakOff);
    request.unpipe(body);
    request.resume();
  });
  if (signal.aborted) stop();
  if (request.destroyed) breakOff();
  return body;
}

function brokenOff(received: number): UserFacingError {
  const message = `The upload broke off after ${megabytes(received)}: send the file again`;
  return new UserFacingError(message, { code: 'upload-broken-off' });
}
