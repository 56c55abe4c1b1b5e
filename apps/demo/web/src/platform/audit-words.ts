import { formatSecond } from '../ui/times.ts';
import type { Actor, AuditRecord } from './audit.ts';

/** What has happened: `cross-tenant` is `Cross tenant`. */
export function titleOf({ action }: AuditRecord): string {
  const words = wordsOf(action);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Who it was, and where: `ben in acme`, `root of the platform`. */
export function actorOf({ userId, realm }: Actor): string {
  const who = userId === '' ? 'anonymous' : (userId ?? 'somebody');
  if (!realm) return userId === undefined ? '–' : who;
  return realm.kind === 'tenant' ? `${who} in ${realm.tenantId}` : `${who} of the platform`;
}

/** What else is known, in one line. */
export function detailOf({ room, reason, address, details = {} }: AuditRecord): string {
  const more = Object.entries(details).map(([name, value]) => phraseOf(name, value));
  // an IPv4 address in IPv6's clothes
  const from = address && `from ${address.replace(/^::ffff:/, '')}`;
  return [reason && wordsOf(reason), room, ...more, from].filter(Boolean).join(' · ');
}

/** Details that are not said as `name value`. */
const PHRASES: Readonly<Record<string, (value: string) => string>> = {
  method: (method) => method,
  path: (path) => path,
  what: (what) => wordsOf(what),
  asked: (who) => `asked to be ${who}`,
  channels: (count) => `${count} channels`,
  expiresAt: (time) => `until ${time}`,
  suppressed: (count) => `${count} more like it`,
};

function phraseOf(name: string, value: unknown): string {
  const text = textOf(name, value);
  return PHRASES[name]?.(text) ?? `${name} ${text}`;
}

function textOf(name: string, value: unknown): string {
  if (isActor(value)) return actorOf(value);
  if (typeof value === 'number' && name.endsWith('At')) return formatSecond(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The server's own words are `like-this`; whatever else there is, somebody has written. */
function wordsOf(text: string): string {
  return /^[a-z]+(-[a-z]+)*$/.test(text) ? text.replaceAll('-', ' ') : text;
}

function isActor(value: unknown): value is Actor {
  return typeof value === 'object' && value !== null && 'userId' in value && 'realm' in value;
}
