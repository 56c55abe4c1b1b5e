import type { ComponentProps } from 'react';
import { classNames } from './class-names.ts';

/** A part of a page, on a surface of its own. */
export function Card({ className, ...props }: ComponentProps<'section'>) {
  return (
    <section
      className={classNames('rounded-xl border border-line bg-surface shadow-card', className)}
      {...props}
    />
  );
}
