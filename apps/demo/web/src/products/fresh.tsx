import { type ReactNode, useState } from 'react';
import { classNames } from '../ui/class-names.ts';

interface FreshProps {
  /** What is shown, as something that can be compared. */
  value: string | number;
  className?: string;
  children: ReactNode;
}

/** Lights up for a moment when its value changes; not when it first appears. */
export function Fresh({ value, className, children }: FreshProps) {
  const [seen, setSeen] = useState({ value, changes: 0 });
  if (seen.value !== value) setSeen({ value, changes: seen.changes + 1 });
  return (
    // mounted anew, so that the animation begins again
    <span
      key={seen.changes}
      className={classNames(
        'inline-block rounded-md',
        seen.changes > 0 && 'animate-row-fresh',
        className,
      )}
    >
      {children}
    </span>
  );
}
