import { CircleAlert, RefreshCw, SearchX, Users } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';

interface NoUsersProps {
  search: string;
  onClearSearch: () => void;
}

/** Nobody matches, or nobody is there. */
export function NoUsers({ search, onClearSearch }: NoUsersProps) {
  const Icon = search === '' ? Users : SearchX;
  return (
    <div className="flex flex-col items-center px-6 py-16 text-center">
      <Icon className="size-8 text-line-strong" strokeWidth={1.5} aria-hidden="true" />
      <p className="mt-4 font-medium wrap-anywhere">
        {search === '' ? 'No users yet' : `No users match “${search}”`}
      </p>
      <p className="mt-1 text-sm text-muted">
        {search === ''
          ? 'Import a CSV file, or the sample, to fill this table.'
          : 'Names, e-mail addresses and departments are searched.'}
      </p>
      {search === '' ? null : (
        <Button size="small" className="mt-5" onClick={onClearSearch}>
          Clear the search
        </Button>
      )}
    </div>
  );
}

interface UsersUnavailableProps {
  message: string;
  /** There are older rows to look at in the meantime. */
  isCompact?: boolean;
  onRetry: () => void;
}

/** The users could not be loaded. */
export function UsersUnavailable({ message, isCompact = false, onRetry }: UsersUnavailableProps) {
  return (
    <div
      role="alert"
      className={classNames(
        'flex items-center gap-3 border-t border-line text-sm',
        isCompact ? 'bg-danger-soft px-4 py-2 sm:px-5' : 'flex-col px-6 py-16 text-center',
      )}
    >
      <CircleAlert
        className={classNames('shrink-0 text-danger', isCompact ? 'size-4' : 'size-8')}
        strokeWidth={isCompact ? 2 : 1.5}
        aria-hidden="true"
      />
      <div className={isCompact ? 'flex-1' : 'max-w-md'}>
        <span className="font-medium">
          {isCompact ? 'The table could not be refreshed. ' : 'The users could not be loaded'}
        </span>
        <span className={classNames('text-muted', !isCompact && 'mt-1 block')}>{message}</span>
      </div>
      <Button size="small" onClick={onRetry}>
        <RefreshCw aria-hidden="true" />
        Try again
      </Button>
    </div>
  );
}
