import { MessageSquareDashed, MessagesSquare } from 'lucide-react';
import { type AuthUser, useAuth } from '@/context/AuthContext';
import { Link } from '../router.tsx';
import { Card } from '../ui/card.tsx';
import { classNames } from '../ui/class-names.ts';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Main } from '../ui/page.tsx';
import { ChatList } from './chat-list.tsx';
import { type Chat, useChats } from './chats.ts';
import { Conversation } from './conversation.tsx';
import { NewChat } from './new-chat.tsx';

/** The user's chats, and the one that is open. */
export function ChatPage({ chatId }: { chatId: string | null }) {
  const { user } = useAuth();
  const { data: chats, error, refetch } = useChats();
  const chat = chats?.find(({ id }) => id === chatId);
  if (!user) return null;
  return (
    <Main title={chat?.name ?? 'Chat'} className="flex min-h-0 flex-1 flex-col py-4 sm:py-6">
      <Card data-fills-window aria-label="Chat" className="flex min-h-0 flex-1 overflow-hidden">
        <div
          className={classNames(
            'flex min-h-0 w-full shrink-0 flex-col border-line md:w-72 md:border-r',
            // on a small screen it is the one or the other
            chatId !== null && 'max-md:hidden',
          )}
        >
          <div className="flex h-16 shrink-0 items-center justify-between gap-3 border-b border-line px-4 sm:px-5">
            <h1 className="font-semibold tracking-tight">Chats</h1>
            {user.actingAs ? null : <NewChat user={user} />}
          </div>
          {error && !chats ? (
            <Failure
              title="The chats could not be loaded"
              error={error}
              onRetry={() => void refetch()}
            />
          ) : (
            <ChatList
              chats={chats}
              openId={chatId}
              hint={
                user.actingAs
                  ? 'A support view is a member of none.'
                  : 'Begin one, or wait until somebody adds you to theirs.'
              }
            />
          )}
        </div>
        <div
          className={classNames('flex min-h-0 min-w-0 flex-1', chatId === null && 'max-md:hidden')}
        >
          {chats || chatId === null ? (
            <Opened user={user} chat={chat} chatId={chatId} hasChats={chats?.length !== 0} />
          ) : null}
        </div>
      </Card>
    </Main>
  );
}

interface OpenedProps {
  user: AuthUser;
  chat: Chat | undefined;
  chatId: string | null;
  /** Is there one to choose, as far as is known? */
  hasChats: boolean;
}

function Opened({ user, chat, chatId, hasChats }: OpenedProps) {
  if (chat) return <Conversation key={chat.id} user={user} chat={chat} />;
  if (chatId === null) {
    if (!hasChats) return null;
    return (
      <Empty
        icon={MessagesSquare}
        title="Choose a chat"
        hint="Only its members can see what is said in it."
        className="flex-1 justify-center"
      />
    );
  }
  return (
    <Empty
      icon={MessageSquareDashed}
      title="There is no such chat"
      hint="It does not exist, or you are not in it."
      className="flex-1 justify-center"
    >
      <Link href="/chat" className="text-sm font-medium underline underline-offset-3">
        All chats
      </Link>
    </Empty>
  );
}
