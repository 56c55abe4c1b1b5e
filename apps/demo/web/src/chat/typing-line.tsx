import type { Person } from '../colleagues.ts';

interface TypingLineProps {
  userIds: readonly string[];
  members: readonly Person[];
}

/** Who is typing. It keeps its place when nobody is, so that nothing jumps. */
export function TypingLine({ userIds, members }: TypingLineProps) {
  // who was taken out while typing does so no more
  const names = userIds.flatMap((id) => members.find((one) => one.id === id)?.name ?? []);
  return (
    <p className="flex h-6 items-center gap-2 px-5 text-xs text-muted sm:px-6">
      {names.length === 0 ? null : (
        <>
          <span aria-hidden="true" className="flex gap-0.5">
            {[0, 150, 300].map((delay) => (
              <span
                key={delay}
                className="size-1 animate-bounce rounded-full bg-muted"
                style={{ animationDelay: `${delay}ms` }}
              />
            ))}
          </span>
          <span className="truncate">{sentence(names)}</span>
        </>
      )}
    </p>
  );
}

function sentence(names: readonly string[]): string {
  const [first, second] = names;
  if (names.length === 1) return `${first} is typing…`;
  if (names.length === 2) return `${first} and ${second} are typing…`;
  return `${names.length} people are typing…`;
}
