import { useId } from 'react';
import { classNames } from './class-names.ts';

/** One of a few ways. */
export interface Option<T extends string> {
  readonly value: T;
  readonly name: string;
}

interface ChoiceProps<T extends string> {
  /** What is chosen. */
  label: string;
  options: readonly Option<T>[];
  value: T;
  onChange: (value: T) => void;
  className?: string;
}

/** One of a few, all of them in sight. */
export function Choice<T extends string>(props: ChoiceProps<T>) {
  const { label, options, value, onChange, className } = props;
  const name = useId();
  return (
    <fieldset
      className={classNames(
        'inline-flex rounded-lg border border-line bg-raised p-0.5 text-[0.8125rem]',
        className,
      )}
    >
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className="relative flex h-7 grow cursor-pointer items-center justify-center rounded-md px-2.5 text-center font-medium whitespace-nowrap text-muted transition-colors hover:text-ink has-checked:bg-surface has-checked:text-ink has-checked:shadow-card has-focus-visible:outline-2 has-focus-visible:outline-accent"
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="absolute inset-0 cursor-pointer opacity-0"
          />
          {option.name}
        </label>
      ))}
    </fieldset>
  );
}
