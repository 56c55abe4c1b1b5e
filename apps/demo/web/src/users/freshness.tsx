import { formatAge } from '../ui/times.ts';
import { useNow } from '../ui/use-now.ts';

const TICK_MS = 10_000;

interface FreshnessProps {
  /** How many rows there are, in words. */
  count: string | undefined;
  /** When a live refresh came last, milliseconds since 1970. */
  at: number | null;
}

/** Says how many rows there are and when they last followed a change: `Updated just now`. */
export function Freshness({ count, at }: FreshnessProps) {
  return (
    <p className="flex flex-1 flex-wrap items-center gap-x-3 text-[0.8125rem] text-muted tabular-nums sm:justify-end">
      {/* only the count is spoken: the age would be, every minute */}
      <span role="status">{count}</span>
      {at === null ? null : (
        <span key={at} className="inline-flex animate-appear items-center gap-1.5">
          <span aria-hidden="true" className="size-1.5 rounded-full bg-accent" />
          Updated <Age since={at} />
        </span>
      )}
    </p>
  );
}

function Age({ since }: { since: number }) {
  return formatAge(useNow(TICK_MS) - since);
}
