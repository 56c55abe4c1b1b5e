import { useQuery } from '@tanstack/react-query';
import { request } from '@/api';

/** A company, as the platform's staff see it. */
export interface TenantRow {
  id: string;
  name: string;
  /** How many users it has. */
  users: number;
  /** ISO 8601. */
  createdAt: string;
}

/** All companies, by name. */
export function useTenants() {
  return useQuery({
    queryKey: ['tenants'],
    queryFn: async ({ signal }) => {
      const { tenants } = await request<{ tenants: TenantRow[] }>('/api/platform/tenants', {
        signal,
      });
      return tenants;
    },
  });
}
