import type { IncomingHttpHeaders } from 'node:http';
import { parseCookie, stringifySetCookie } from 'cookie';

/** How long a log-in is valid. */
export const SESSION_SECONDS: number = 7 * 24 * 60 * 60;

const NAME = 'trunkline_demo_session';

/** As much of a request as the cookie needs, the same on Express and Fastify. */
export interface CookieRequest {
  readonly headers: IncomingHttpHeaders;
  readonly protocol: string;
}

/** The session's token among a request's cookies. */
export function sessionTokenOf(headers: IncomingHttpHeaders): string | undefined {
  return parseCookie(headers.cookie ?? '')[NAME];
}

/** The `Set-Cookie` header that signs a browser in. */
export function sessionCookie(token: string, request: CookieRequest): string {
  return setCookie(token, SESSION_SECONDS, request);
}

/** The `Set-Cookie` header that signs a browser out. */
export function clearedSessionCookie(request: CookieRequest): string {
  return setCookie('', 0, request);
}

function setCookie(value: string, maxAge: number, { headers, protocol }: CookieRequest): string {
  // TLS usually ends at a proxy, which says so. A lie only makes the liar's own cookie stricter.
  const secure = protocol === 'https' || headers['x-forwarded-proto'] === 'https';
  const attributes = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const;
  return stringifySetCookie({ name: NAME, value, maxAge, ...attributes });
}
