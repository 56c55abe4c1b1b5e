import { MessagesSquare } from 'lucide-react';
import { Link } from '../router.tsx';
import { classNames } from '../ui/class-names.ts';
import { Empty } from '../ui/empty.tsx';
import { countOf } from '../ui/numbers.ts';
import { useChatDesk } from './chat-desk.tsx';
import { type Chat, pathOfChat } from './chats.ts';

interface ChatListProps {
  /** `undefined` while they are loaded. */
  chats: readonly Chat[] | undefined;
  openId: string | null;
  /** What to do while there is none. */
  hint: string;
}

/** The chats that the user is in. */
export function ChatList({ chats, openId, hint }: ChatListProps) {
  const { unread } = useChatDesk();
  if (!chats) return <ChatListSkeleton />;
  if (chats.length === 0) {
    return <Empty icon={MessagesSquare} title="No chats" hint={hint} />;
  }
  return (
    <ul aria-label="Chats" className="min-h-0 flex-1 overflow-y-auto p-2">
      {chats.map((chat) => (
        <li key={chat.id}>
          <ChatLink
            chat={chat}
            isOpen={chat.id === openId}
            unread={unread.get(chat.id)?.size ?? 0}
          />
        </li>
      ))}
    </ul>
  );
}

interface ChatLinkProps {
  chat: Chat;
  isOpen: boolean;
  unread: number;
}

function ChatLink({ chat, isOpen, unread }: ChatLinkProps) {
  return (
    <Link
      href={pathOfChat(chat.id)}
      aria-current={isOpen ? 'page' : undefined}
      className={classNames(
        'flex items-center gap-3 rounded-lg px-3 py-2 transition-colors',
        isOpen ? 'bg-accent-soft' : 'hover:bg-raised',
      )}
    >
      <span className="min-w-0 flex-1">
        <span className={classNames('block truncate text-sm font-medium', isOpen && 'text-accent')}>
          {chat.name}
        </span>
        <span className="block truncate text-xs text-muted">
          {countOf(chat.members.length, 'member')}
        </span>
      </span>
      {unread === 0 ? null : (
        <span className="rounded-full bg-accent px-1.5 text-xs leading-5 font-medium text-surface tabular-nums">
          {unread}
          <span className="sr-only"> unread</span>
        </span>
      )}
    </Link>
  );
}

function ChatListSkeleton() {
  return (
    <div className="flex flex-col gap-5 px-5 py-5">
      <p className="sr-only">Loading the chats…</p>
      {[0, 1, 2].map((line) => (
        <div key={line} aria-hidden="true" className="flex flex-col gap-2">
          <div className="h-3 w-1/2 animate-pulse rounded-full bg-raised" />
          <div className="h-2.5 w-1/4 animate-pulse rounded-full bg-raised" />
        </div>
      ))}
    </div>
  );
}
