import type { ClientInfo, PresenceChange, Publication } from './broker.ts';

/** What a message on a channel of pub/sub says. */
export type RedisMessage =
  | { readonly kind: 'publication'; readonly publication: Publication; readonly epoch: string }
  | { readonly kind: 'change'; readonly change: PresenceChange };

/** What is published, beside its data. */
export type Content = Omit<Publication, 'offset'>;

// The first character is the version of the format: who does not know it drops the message.
const PUBLICATION = /^1p(\d{1,15}):([A-Za-z]{0,16}):/;
const CHANGE = '1c';

/** A publication as a stream keeps it: a line about it, and its data. */
export function encodeItem({ data, info, conflationKey }: Content): string {
  const isPlain = !info && conflationKey === undefined;
  return isPlain ? `\n${data}` : `${JSON.stringify({ info, conflationKey })}\n${data}`;
}

/** What is announced of a publication that is not kept; of those that are, the script makes it. */
export function encodeUnkept(item: string): string {
  return `1p0::${item}`;
}

/** What is announced of who came or went. */
export function encodeChange(change: PresenceChange): string {
  return `${CHANGE}${JSON.stringify(change)}`;
}

/** Reads what came from Redis, whoever has written it there; `null`: it is no message of ours. */
export function decodeMessage(text: string): RedisMessage | null {
  if (text.startsWith(CHANGE)) return decodeChange(text.slice(CHANGE.length));
  const [head, offset = '', epoch = ''] = PUBLICATION.exec(text) ?? [];
  if (head === undefined || (offset === '0') !== (epoch === '')) return null;
  const content = decodeItem(text.slice(head.length));
  if (!content) return null;
  return { kind: 'publication', publication: { ...content, offset: Number(offset) }, epoch };
}

/** Reads what a stream has kept; `null`: it is none of ours. */
export function decodeItem(item: string): Content | null {
  const end = item.indexOf('\n');
  if (end === -1) return null;
  const data = item.slice(end + 1);
  if (!isLineOfJson(data)) return null;
  if (end === 0) return { data };
  const about = parse(item.slice(0, end));
  if (!isObject(about)) return null;
  const info = about['info'] === undefined ? undefined : readInfo(about['info']);
  const { conflationKey } = about;
  if (info === null || !isOptionalText(conflationKey)) return null;
  return {
    data,
    ...(info ? { info } : {}),
    ...(conflationKey === undefined ? {} : { conflationKey }),
  };
}

/** Reads who somebody is; `null`: it says nothing that we have written. */
export function decodeInfo(text: string): ClientInfo | null {
  return readInfo(parse(text));
}

function decodeChange(text: string): RedisMessage | null {
  const change = parse(text);
  if (!isObject(change)) return null;
  const { kind } = change;
  const info = readInfo(change['info']);
  if ((kind !== 'join' && kind !== 'leave') || !info) return null;
  return { kind: 'change', change: { kind, info } };
}

// Field by field: nothing else that somebody has put there goes any further.
function readInfo(value: unknown): ClientInfo | null {
  if (!isObject(value)) return null;
  const { user, client, connInfo, chanInfo, since } = value;
  if (typeof user !== 'string' || typeof client !== 'string') return null;
  if (typeof since !== 'number' || !isOptionalJson(connInfo) || !isOptionalJson(chanInfo)) {
    return null;
  }
  return {
    user,
    client,
    ...(connInfo === undefined ? {} : { connInfo }),
    ...(chanInfo === undefined ? {} : { chanInfo }),
    since,
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

function isOptionalJson(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === 'string' && isLineOfJson(value));
}

/** It goes into frames as it is: a second line would be a frame of its own. */
function isLineOfJson(text: string): boolean {
  return !/[\r\n]/.test(text) && parse(text) !== undefined;
}

/** `undefined`: it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
