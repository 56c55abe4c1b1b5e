import { useQuery } from '@tanstack/react-query';
import { request } from '@/api';

/** Somebody who can sign in to the tenant. */
export interface Person {
  id: string;
  name: string;
}

/** Everyone else in the tenant, by name. */
export function useColleagues({ enabled }: { enabled: boolean }) {
  return useQuery({
    queryKey: ['colleagues'],
    queryFn: async ({ signal }) => {
      const { users } = await request<{ users: Person[] }>('/api/colleagues', { signal });
      return users;
    },
    enabled,
    // many ask at once, and people seldom come
    staleTime: 30_000,
  });
}
