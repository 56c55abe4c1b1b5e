import { useAuth } from '@/context/AuthContext';
import { useColleagues } from '../colleagues.ts';
import { formatAge, formatDay, formatMoment } from '../ui/times.ts';
import { useNow } from '../ui/use-now.ts';
import type { Product } from './catalogue.ts';

const TICK_MS = 15_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Who has changed a product last, and when. */
export function LastChange({ product: { updatedAt, updatedBy } }: { product: Product }) {
  const elapsedMs = useNow(TICK_MS) - Date.parse(updatedAt);
  const name = useNameOf(updatedBy);
  return (
    <>
      <time dateTime={updatedAt} title={formatMoment(updatedAt)}>
        {elapsedMs < DAY_MS ? formatAge(elapsedMs) : formatDay(updatedAt)}
      </time>
      {name === null ? null : ` by ${name}`}
    </>
  );
}

function useNameOf(userId: string | null): string | null {
  const { user } = useAuth();
  const { data } = useColleagues({ enabled: userId !== null && userId !== user?.id });
  if (userId === null) return null;
  if (userId === user?.id) return 'you';
  if (userId.startsWith('support:')) return 'support';
  return data?.find(({ id }) => id === userId)?.name ?? 'somebody';
}
