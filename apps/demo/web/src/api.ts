import { TENANT_HEADER } from '@trunkline/contract';
import { createFetch } from '@trunkline/react';

/** The server refused a request, failed, or could not be reached. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; 0 when no answer came. */
  readonly status: number;
  /** The parsed body of the answer, whatever it was. */
  readonly body: unknown;

  constructor(message: string, status: number, body: unknown, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.body = body;
  }
}

/** It says in each request which tenant the page works in, and over which connection it is live. */
const fetchHere = createFetch();

/** Sends a request and returns the body of its answer; all but a 2xx throws an `ApiError`. */
export function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  return send<T>(fetchHere, path, init);
}

/** The same in a tenant that the page may not work in (yet, or any more); `null`: as the user alone. */
export function requestIn<T>(
  tenantId: string | null,
  path: string,
  init: RequestInit = {},
): Promise<T> {
  const headers = new Headers(init.headers);
  if (tenantId !== null) headers.set(TENANT_HEADER, tenantId);
  return send<T>(fetch, path, { ...init, headers });
}

/** What makes a request one whose body is this value as JSON. */
export function json(method: 'POST' | 'PATCH', value: unknown = {}): RequestInit {
  return {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}

/** A request whose body is this value as JSON. */
export function post<T>(path: string, value: unknown = {}): Promise<T> {
  return request<T>(path, json('POST', value));
}

/** Has the session ended? */
export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

/** Is there no such thing, or none for this user? */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** What a person is told about an error. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong. Please try again.';
}

async function send<T>(fetchFrom: typeof fetch, path: string, init: RequestInit): Promise<T> {
  const response = await answerOf(fetchFrom, path, init);
  const body = await readBody(response);
  if (response.ok) return body as T;
  throw new ApiError(messageOf(body) ?? statusMessage(response.status), response.status, body);
}

async function answerOf(
  fetchFrom: typeof fetch,
  path: string,
  init: RequestInit,
): Promise<Response> {
  try {
    return await fetchFrom(path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('The server cannot be reached. Is your connection up?', 0, null, { cause });
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function messageOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('message' in body)) return null;
  return typeof body.message === 'string' ? body.message : null;
}

function statusMessage(status: number): string {
  return status < 500
    ? `The server refused this request (${status}).`
    : `The server has a problem (${status}). Please try again in a moment.`;
}
