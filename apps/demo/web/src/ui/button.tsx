import { cva, type VariantProps } from 'class-variance-authority';
import type { ComponentProps } from 'react';
import { classNames } from './class-names.ts';

/** How a button looks, for what is a link. */
export const buttonClasses = cva(
  'inline-flex shrink-0 items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap ' +
    'transition-colors select-none disabled:pointer-events-none disabled:opacity-45 ' +
    '[&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-ink text-surface hover:bg-ink/85',
        secondary:
          'border border-line-strong bg-surface text-ink shadow-card hover:bg-raised active:bg-line',
        quiet: 'text-muted hover:bg-raised hover:text-ink',
        danger: 'bg-danger text-surface hover:bg-danger/85',
      },
      size: {
        small: 'h-8 px-2.5 text-[0.8125rem]',
        medium: 'h-9 px-3.5 text-sm',
        large: 'h-10 px-4 text-sm',
        icon: 'size-8',
      },
    },
    defaultVariants: { variant: 'secondary', size: 'medium' },
  },
);

type ButtonProps = ComponentProps<'button'> & VariantProps<typeof buttonClasses>;

/** A button; it submits no form unless its `type` says so. */
export function Button({ variant, size, className, type = 'button', ...props }: ButtonProps) {
  return (
    // oxlint-disable-next-line react/button-has-type
    <button
      type={type}
      className={classNames(buttonClasses({ variant, size }), className)}
      {...props}
    />
  );
}
