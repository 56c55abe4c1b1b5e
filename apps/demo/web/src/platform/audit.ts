import { useQuery } from '@tanstack/react-query';
import { request } from '@/api';
import { formatSecond } from '../ui/times.ts';

/** Who acts, and where. */
interface Actor {
  realm?: { kind: 'tenant'; tenantId: string } | { kind: 'platform' };
  userId?: string;
}

/** What somebody did, or was not let do. */
export interface AuditRecord extends Actor {
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  action: string;
  outcome: 'allowed' | 'denied';
  address?: string;
  room?: string;
  reason?: string;
  details?: Record<string, unknown>;
}

const LIMIT = 200;
const RELOAD_MS = 10_000;

/** The newest records, the newest first. */
export function useAudit() {
  return useQuery({
    queryKey: ['audit'],
    queryFn: async ({ signal }) => {
      const { records } = await request<{ records: AuditRecord[] }>(
        `/api/platform/audit?limit=${LIMIT}`,
        { signal },
      );
      return records;
    },
    refetchInterval: RELOAD_MS,
  });
}

/** `cross-tenant` as words: `Cross tenant`. */
export function wordsOf(action: string): string {
  const words = action.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Who it was, and where: `ben in acme`, `root of the platform`. */
export function actorOf({ userId, realm }: Actor): string {
  const who = userId === '' ? 'anonymous' : (userId ?? 'somebody');
  if (!realm) return userId === undefined ? '–' : who;
  return realm.kind === 'tenant' ? `${who} in ${realm.tenantId}` : `${who} of the platform`;
}

/** What else is known, in one line. */
export function detailOf({ room, reason, address, details }: AuditRecord): string {
  const more = Object.entries(details ?? {}).map(([name, value]) => phraseOf(name, value));
  // an IPv4 address in IPv6's clothes
  const from = address && `from ${address.replace(/^::ffff:/, '')}`;
  return [reason, room, ...more, from].filter(Boolean).join(' · ');
}

function phraseOf(name: string, value: unknown): string {
  if (isActor(value)) return `${name} ${actorOf(value)}`;
  if (typeof value === 'number' && name.endsWith('At')) return `${name} ${formatSecond(value)}`;
  return `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`;
}

function isActor(value: unknown): value is Actor {
  return typeof value === 'object' && value !== null && 'userId' in value && 'realm' in value;
}
