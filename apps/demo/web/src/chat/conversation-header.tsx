import type { Member } from '@trunkline/contract';
import { ChevronLeft } from 'lucide-react';
import type { AuthUser } from '@/context/AuthContext';
import { usePresence } from '@/hooks/usePresence';
import { Link } from '../router.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { countOf } from '../ui/numbers.ts';
import type { Chat } from './chats.ts';
import { MembersMenu } from './members-menu.tsx';

const MAX_FACES = 4;

/** What the chat is called, who is here, and who is in it. */
export function ConversationHeader({ user, chat }: { user: AuthUser; chat: Chat }) {
  const { members: here, isLoaded } = usePresence(`chat:${chat.id}`);
  const others = here.filter(({ userId }) => userId !== user.id);
  return (
    <header className="flex h-16 shrink-0 items-center gap-3 border-b border-line px-3 sm:px-5">
      <Link
        href="/chat"
        aria-label="All chats"
        className="-mr-1 flex size-9 items-center justify-center rounded-lg text-muted hover:bg-raised hover:text-ink md:hidden"
      >
        <ChevronLeft className="size-5" aria-hidden="true" />
      </Link>
      <div className="min-w-0 flex-1">
        <h2 className="truncate font-semibold tracking-tight">{chat.name}</h2>
        <p className="truncate text-[0.8125rem] text-muted">
          {isLoaded ? whoIsHere(others, chat) : countOf(chat.members.length, 'member')}
        </p>
      </div>
      <Faces others={others} chat={chat} />
      <MembersMenu user={user} chat={chat} here={here} />
    </header>
  );
}

/** The pictures of who is here; the line beside them says it in words. */
function Faces({ others, chat }: { others: readonly Member[]; chat: Chat }) {
  const more = others.length - MAX_FACES;
  return (
    <div aria-hidden="true" className="hidden gap-1 sm:flex">
      {others.slice(0, MAX_FACES).map(({ userId }) => (
        <span key={userId} className="relative">
          <Avatar name={nameIn(chat, userId)} />
          <span className="absolute right-0 bottom-0 size-2 rounded-full bg-success ring-2 ring-surface" />
        </span>
      ))}
      {more > 0 ? <span className="text-xs leading-7 text-muted">+{more}</span> : null}
    </div>
  );
}

function whoIsHere(others: readonly Member[], chat: Chat): string {
  if (others.length === 0) return 'Nobody else is here';
  return `Also here: ${others.map(({ userId }) => nameIn(chat, userId)).join(', ')}`;
}

function nameIn({ members }: Chat, userId: string): string {
  return members.find(({ id }) => id === userId)?.name ?? 'Somebody';
}
