import { useQuery } from '@tanstack/react-query';
import { request } from '@/api';

/** Who acts, and where. */
export interface Actor {
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
