import type { ServerResponse } from 'node:http';
import type { Refusal } from './admission.ts';
import type { Exchange } from './door.ts';

/** So long the rest of a refused request is let pass. */
const LINGER_MS = 1_000;

/** Answers with a status and nothing else. */
export function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  // 204 has no body, and says so by itself
  response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'Content-Length': 0 }) });
  response.end();
}

/**
 * Says no, and closes: but not upon a client that is still sending, which would lose the answer. What
 * it sends meanwhile is for nobody.
 */
export function refuse({ request, response }: Exchange, { status, headers = {} }: Refusal): void {
  response.writeHead(status, { ...headers, 'Content-Length': 0, Connection: 'close' });
  response.flushHeaders();
  const end = () => {
    clearTimeout(deadline);
    response.end();
  };
  const deadline = setTimeout(end, LINGER_MS);
  request.once('end', end);
  request.once('close', end);
  if (request.readableEnded) end();
  else request.resume();
}
