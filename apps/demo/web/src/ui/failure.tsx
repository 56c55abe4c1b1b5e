import { CircleAlert, RefreshCw } from 'lucide-react';
import { errorMessage } from '@/api';
import { Button } from './button.tsx';
import { classNames } from './class-names.ts';

interface FailureProps {
  /** What did not work. */
  title: string;
  error: unknown;
  /** There is something older to look at in the meantime. */
  isCompact?: boolean;
  className?: string;
  onRetry: () => void;
}

/** Something could not be loaded: says why, and tries again. */
export function Failure({ title, error, isCompact = false, className, onRetry }: FailureProps) {
  return (
    <div
      role="alert"
      className={classNames(
        'flex items-center gap-3 text-sm',
        isCompact ? 'bg-danger-soft px-4 py-2 sm:px-5' : 'flex-col px-6 py-16 text-center',
        className,
      )}
    >
      <CircleAlert
        className={classNames('shrink-0 text-danger', isCompact ? 'size-4' : 'size-8')}
        strokeWidth={isCompact ? 2 : 1.5}
        aria-hidden="true"
      />
      <div className={isCompact ? 'min-w-0 flex-1' : 'max-w-md'}>
        <span className="font-medium">{isCompact ? `${title}. ` : title}</span>
        <span className={classNames('text-muted', !isCompact && 'mt-1 block')}>
          {errorMessage(error)}
        </span>
      </div>
      <Button size="small" onClick={onRetry}>
        <RefreshCw aria-hidden="true" />
        Try again
      </Button>
    </div>
  );
}
