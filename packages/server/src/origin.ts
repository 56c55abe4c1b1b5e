import type { IncomingHttpHeaders } from 'node:http';

/** Stands for every origin, in a list of its own. */
export const ANY_ORIGIN = '*';

/** Credentials that a browser keeps and sends by itself; a Bearer token somebody has to set. */
const AMBIENT = /^(basic|digest|negotiate|ntlm)\b/i;

/**
 * May a page of this origin open a connection? Its host and port must be the server's own or its
 * origin listed; the scheme is not compared with ours, because TLS ends at proxies. Without an
 * `Origin` it is no browser: allowed, unless it brings a cookie (design D4). Where every origin is
 * allowed none may bring a cookie, or what else a browser sends on its own: any page could use it.
 */
export function isAllowedOrigin(headers: IncomingHttpHeaders, origins: readonly string[]): boolean {
  const { origin, host, cookie, authorization = '' } = headers;
  if (origin === undefined) return cookie === undefined;
  if (isOwnHost(origin, host)) return true;
  if (origins.includes(ANY_ORIGIN)) return cookie === undefined && !AMBIENT.test(authorization);
  return origins.includes(origin);
}

/**
 * May this HTTP request come in? As above, except that a browser does not send an `Origin` with every
 * request, but its cookies: an `EventSource` of the own origin is known by `Sec-Fetch-Site`, which no
 * page can set. What a browser calls anything else there comes from no page that may be here: one of
 * another origin that wants to read the answer has an `Origin`.
 */
export function isAllowedRequest(
  headers: IncomingHttpHeaders,
  origins: readonly string[],
): boolean {
  const site = headers['sec-fetch-site'];
  if (headers.origin !== undefined || site === undefined) return isAllowedOrigin(headers, origins);
  return site === 'same-origin';
}

function isOwnHost(origin: string, host: string | undefined): boolean {
  const url = parseUrl(origin);
  if (!url || host === undefined) return false;
  // Read the Host with the origin's scheme, so that a default port compares equal to none.
  return url.host !== '' && url.host === parseUrl(`${url.protocol}//${host}`)?.host;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
