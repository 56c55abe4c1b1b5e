import { type ReactElement, useEffect, useState } from 'react';

const TICK_MS = 30_000;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A moment of the past as people say it: `3 minutes ago`. It moves on by itself. */
export function RelativeTime(props: {
  readonly at: number;
  readonly locale: string | undefined;
  readonly className?: string;
  readonly style?: React.CSSProperties;
}): ReactElement {
  const { at, locale, ...rest } = props;
  const now = useNow();
  const date = new Date(at);
  return (
    <time {...rest} dateTime={date.toISOString()} title={date.toLocaleString(locale)}>
      {timeAgo(at, now, locale)}
    </time>
  );
}

/** @internal */
export function timeAgo(at: number, now: number, locale?: string): string {
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  // the server's clock may be ahead of this one
  const elapsed = Math.max(0, now - at);
  if (elapsed < MINUTE) return words.format(0, 'second');
  if (elapsed < HOUR) return words.format(-Math.floor(elapsed / MINUTE), 'minute');
  if (elapsed < DAY) return words.format(-Math.floor(elapsed / HOUR), 'hour');
  return words.format(-Math.floor(elapsed / DAY), 'day');
}

function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
