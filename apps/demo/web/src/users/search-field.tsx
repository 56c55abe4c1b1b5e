import { Search, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';

const WAIT_MS = 250;

interface SearchFieldProps {
  search: string;
  onSearch: (search: string) => void;
}

/** Searches when the typing pauses. `/` leads here from anywhere on the page. */
export function SearchField({ search, onSearch }: SearchFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(search);
  const wanted = text.trim();
  const [lastSearch, setLastSearch] = useState(search);
  if (search !== lastSearch) {
    setLastSearch(search);
    // cleared from elsewhere
    if (search === '') setText('');
  }

  const latest = useRef(onSearch);
  useEffect(() => {
    latest.current = onSearch;
  });
  useEffect(() => {
    const timer = setTimeout(() => latest.current(wanted), wanted === '' ? 0 : WAIT_MS);
    return () => clearTimeout(timer);
  }, [wanted]);
  useSlashKey(() => field.current?.focus());

  return (
    <div className="group relative w-full sm:w-72">
      <Search
        className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted"
        aria-hidden="true"
      />
      <input
        ref={field}
        type="search"
        aria-label="Search users"
        placeholder="Name, e-mail or department"
        maxLength={100}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText('');
        }}
        className="h-9 w-full rounded-lg border border-line-strong bg-surface pr-9 pl-9 text-base text-ellipsis transition-colors placeholder:text-muted hover:border-muted/60 sm:text-sm"
      />
      {text === '' ? (
        <kbd className="pointer-events-none absolute top-2 right-2 hidden rounded border border-line px-1.5 font-sans text-xs leading-5 text-muted group-focus-within:hidden sm:block">
          /
        </kbd>
      ) : (
        <button
          type="button"
          aria-label="Clear the search"
          onClick={() => {
            setText('');
            field.current?.focus();
          }}
          className="absolute top-1.5 right-1.5 flex size-6 items-center justify-center rounded-md text-muted hover:bg-raised hover:text-ink"
        >
          <X className="size-4" aria-hidden="true" />
        </button>
      )}
    </div>
  );
}

function useSlashKey(onSlash: () => void): void {
  const latest = useRef(onSlash);
  useEffect(() => {
    latest.current = onSlash;
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isTyping =
        event.target instanceof Element &&
        event.target.closest('input, select, textarea, [role="menu"], [role="alertdialog"]');
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
      event.preventDefault();
      latest.current();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}
