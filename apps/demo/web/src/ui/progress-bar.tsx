import { classNames } from './class-names.ts';

interface ProgressBarProps {
  /** What goes on. */
  label: string;
  /** 0 to 100; `undefined`: nobody knows. */
  percentage: number | undefined;
  className?: string;
}

/** How far something is. */
export function ProgressBar({ label, percentage, className }: ProgressBarProps) {
  const isKnown = percentage !== undefined;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percentage}
      className={classNames('h-1.5 overflow-hidden rounded-full bg-line', className)}
    >
      <div
        className={classNames(
          'h-full rounded-full bg-accent transition-[width] duration-300',
          !isKnown && 'animate-pulse opacity-60',
        )}
        style={{ width: isKnown ? `${percentage}%` : '100%' }}
      />
    </div>
  );
}
