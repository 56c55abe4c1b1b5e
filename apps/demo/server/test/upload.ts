import type { Browser } from './http.ts';

/** Sends a file as a page does: the bytes themselves are the body. */
export async function upload(
  url: string,
  { cookie }: Browser,
  name: string,
  body: RequestInit['body'],
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${url}/api/files?name=${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { cookie, 'content-type': 'application/octet-stream', ...headers },
    body,
    duplex: 'half',
  } as RequestInit);
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what it expects
  const json = (await response.json()) as any;
  return { status: response.status, headers: response.headers, json };
}
