import { type ComponentProps, type ReactNode, useId } from 'react';
import { classNames } from './class-names.ts';

const CONTROL =
  'w-full rounded-lg border border-line-strong bg-surface px-3 text-base transition-colors ' +
  'placeholder:text-muted/80 hover:border-muted/60 aria-invalid:border-danger sm:text-sm';

interface FieldProps {
  label: string;
  /** What is wrong with the value; `null` when nothing is. */
  problem?: string | null;
  hint?: ReactNode;
}

/** A line of text with its label. */
export function Field({
  label,
  problem = null,
  hint,
  className,
  ...props
}: FieldProps & ComponentProps<'input'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} problem={problem} hint={hint}>
      <input
        id={id}
        aria-invalid={problem !== null}
        aria-describedby={describedBy(id, problem, hint)}
        className={classNames(CONTROL, 'h-10', className)}
        {...props}
      />
    </Labelled>
  );
}

/** A few lines of text with their label. */
export function TextField({
  label,
  problem = null,
  hint,
  className,
  ...props
}: FieldProps & ComponentProps<'textarea'>) {
  const id = useId();
  return (
    <Labelled id={id} label={label} problem={problem} hint={hint}>
      <textarea
        id={id}
        rows={3}
        aria-invalid={problem !== null}
        aria-describedby={describedBy(id, problem, hint)}
        className={classNames(CONTROL, 'block resize-y py-2', className)}
        {...props}
      />
    </Labelled>
  );
}

function Labelled({ id, label, problem, hint, children }: FieldProps & LabelledProps) {
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      {children}
      {problem !== null && problem !== undefined ? (
        <p id={`${id}-problem`} className="mt-1.5 text-[0.8125rem] text-danger">
          {problem}
        </p>
      ) : hint !== undefined ? (
        <p id={`${id}-hint`} className="mt-1.5 text-[0.8125rem] text-muted">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

interface LabelledProps {
  id: string;
  children: ReactNode;
}

function describedBy(id: string, problem: string | null, hint: ReactNode): string | undefined {
  if (problem !== null) return `${id}-problem`;
  return hint === undefined ? undefined : `${id}-hint`;
}
