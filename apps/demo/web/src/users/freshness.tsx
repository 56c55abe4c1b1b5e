import { useEffect, useState } from 'react';

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
  const [now, setNow] = useState(since);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return ago(now - since);
}

function ago(elapsedMs: number): string {
  const minutes = Math.floor(elapsedMs / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  return `${Math.floor(minutes / 60)} h ago`;
}
