import type { LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { classNames } from './class-names.ts';

interface EmptyProps {
  icon: LucideIcon;
  title: string;
  /** What can be done about it. */
  hint?: ReactNode;
  className?: string;
  children?: ReactNode;
}

/** There is nothing to show, and that is no mistake. */
export function Empty({ icon: Icon, title, hint, className, children }: EmptyProps) {
  return (
    <div className={classNames('flex flex-col items-center px-6 py-16 text-center', className)}>
      <Icon className="size-8 text-line-strong" strokeWidth={1.5} aria-hidden="true" />
      <p className="mt-4 font-medium wrap-anywhere">{title}</p>
      {hint === undefined ? null : (
        <p className="mt-1 max-w-sm text-sm text-pretty text-muted">{hint}</p>
      )}
      {children === undefined ? null : <div className="mt-5">{children}</div>}
    </div>
  );
}
