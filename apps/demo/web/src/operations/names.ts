import { useAuth } from '@/context/AuthContext';
import { useColleagues } from '../colleagues.ts';

/** Says whose an operation is: `You`, a colleague's name, or an id that nobody here has. */
export function useNames(): (userId: string | undefined) => string {
  const { user } = useAuth();
  const { data: colleagues } = useColleagues({ enabled: user !== null && user.tenantId !== null });
  return (userId) => {
    if (userId === user?.id) return 'You';
    return colleagues?.find(({ id }) => id === userId)?.name ?? userId ?? 'Somebody';
  };
}
