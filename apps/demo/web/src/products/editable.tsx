import { Pencil } from 'lucide-react';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { useAuth } from '@/context/AuthContext';
import { classNames } from '../ui/class-names.ts';
import { Fresh } from './fresh.tsx';
import type { Kind } from './kinds.ts';

interface EditableProps<T> {
  /** What it is: `Price of Desk lamp`. */
  label: string;
  kind: Kind<T>;
  value: T;
  /** The value that is being saved. */
  pending: T | undefined;
  onSave: (value: T) => void;
  /** Default: `left`. */
  align?: 'left' | 'right' | undefined;
}

/** A value that turns into a field: Enter or leaving it saves, Escape does not. A support view looks. */
export function Editable<T extends string | number>(props: EditableProps<T>) {
  const { user } = useAuth();
  const { kind, value } = props;
  if (!user?.actingAs) return <EditableValue {...props} />;
  return (
    <Fresh value={value} className="-mx-1 truncate px-1 tabular-nums">
      {kind.format(value)}
    </Fresh>
  );
}

function EditableValue<T extends string | number>(props: EditableProps<T>) {
  const { label, kind, value, pending, onSave, align = 'left' } = props;
  const [isEditing, setIsEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const returnsFocus = useRef(false);
  useEffect(() => {
    if (isEditing || !returnsFocus.current) return;
    returnsFocus.current = false;
    button.current?.focus();
  }, [isEditing]);

  const close = (byKey: boolean) => {
    returnsFocus.current = byKey;
    setIsEditing(false);
  };
  const shown = kind.format(pending ?? value);
  return isEditing ? (
    <EditField
      label={label}
      kind={kind}
      value={value}
      onSave={onSave}
      onClose={close}
      align={align}
    />
  ) : (
    <button
      ref={button}
      type="button"
      aria-label={`${label}: ${shown}. Edit`}
      onClick={() => setIsEditing(true)}
      className={classNames(
        'group relative -mx-2 inline-flex min-h-9 max-w-full items-center rounded-lg px-2 tabular-nums transition-colors hover:bg-raised',
        align === 'left' ? 'pr-7' : 'pl-7',
      )}
    >
      <Fresh
        value={value}
        className={classNames(
          '-mx-1 px-1',
          typeof value === 'number' ? 'truncate' : 'text-left wrap-anywhere',
          pending !== undefined && 'opacity-50',
        )}
      >
        {shown}
      </Fresh>
      <Pencil
        aria-hidden="true"
        className={classNames(
          'absolute size-3.5 text-muted opacity-0 transition-opacity group-hover:opacity-100 group-focus-visible:opacity-100 pointer-coarse:opacity-50',
          align === 'left' ? 'right-2' : 'left-2',
        )}
      />
    </button>
  );
}

interface EditFieldProps<T> extends Omit<EditableProps<T>, 'pending'> {
  /** `byKey`: the focus would get lost with the field. */
  onClose: (byKey: boolean) => void;
}

function EditField<T extends string | number>(props: EditFieldProps<T>) {
  const { label, kind, value, onSave, onClose, align } = props;
  const isNumber = typeof value === 'number';
  const hintId = useId();
  const [first] = useState(value);
  const [text, setText] = useState(() => kind.toText(value));
  const [hasProblem, setHasProblem] = useState(false);
  const field = useSelected();
  // it loses the focus when it goes, too
  const isDone = useRef(false);

  const close = (byKey: boolean) => {
    isDone.current = true;
    onClose(byKey);
  };
  const save = (byKey: boolean) => {
    if (isDone.current) return;
    const next = kind.fromText(text);
    if (next === null && byKey) {
      setHasProblem(true);
      return;
    }
    // only what was changed here: somebody else may have changed it meanwhile
    if (next !== null && next !== first) onSave(next);
    close(byKey);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    // or the same key would press the button that comes back
    event.preventDefault();
    if (event.key === 'Enter') save(true);
    else close(true);
  };

  const change = value === first ? null : `Now ${kind.format(value)}`;
  const hint = hasProblem ? kind.hint : change;
  return (
    <span className="relative inline-block max-w-full">
      <input
        ref={field}
        aria-label={label}
        aria-invalid={hasProblem}
        aria-describedby={hint === null ? undefined : hintId}
        inputMode={isNumber ? 'decimal' : 'text'}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setHasProblem(false);
        }}
        onKeyDown={onKeyDown}
        onBlur={() => save(false)}
        className={classNames(
          'h-9 max-w-full rounded-lg border border-line-strong bg-surface px-2 tabular-nums aria-invalid:border-danger',
          align === 'right' ? '-mr-2 text-right' : '-ml-2',
          isNumber ? 'w-28' : 'w-96',
        )}
      />
      {hint === null ? null : (
        <span
          id={hintId}
          role="status"
          className={classNames(
            'absolute top-full -right-2 z-10 mt-1 rounded-md border border-line bg-surface px-2 py-1 text-xs font-normal tracking-normal whitespace-nowrap shadow-overlay',
            hasProblem ? 'text-danger' : 'text-muted',
          )}
        >
          {hint}
        </span>
      )}
    </span>
  );
}

/** Ready to be typed over: it was a click or a key that opened the field. */
function useSelected() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  return field;
}
