import { useEvent } from '@trunkline/react';
import { LoaderCircle, MessageSquare } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { AuthUser } from '@/context/AuthContext';
import { useLiveChat } from '@/hooks/useLiveChat';
import { Button } from '../ui/button.tsx';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { useChatDesk } from './chat-desk.tsx';
import type { Chat } from './chats.ts';
import { Composer } from './composer.tsx';
import { ConversationHeader } from './conversation-header.tsx';
import { MessageList } from './message-list.tsx';
import { Scroller } from './scroller.tsx';
import { TypingLine } from './typing-line.tsx';

interface ConversationProps {
  user: AuthUser;
  chat: Chat;
}

/** One chat: mount it anew for another. */
export function Conversation({ user, chat }: ConversationProps) {
  const live = useLiveChat(chat.id);
  const { messages, isLoaded, outgoing } = live;
  const field = useRef<HTMLTextAreaElement>(null);
  useRead(chat.id);
  useEffect(() => focusOnDesktop(field.current), []);

  const last = messages.at(-1);
  const isOnItsWay = outgoing.some(({ problem }) => problem === null);
  const isEmpty = isLoaded && messages.length === 0 && outgoing.length === 0;
  return (
    <section aria-label={chat.name} className="flex min-h-0 min-w-0 flex-1 flex-col">
      <ConversationHeader user={user} chat={chat} />
      {live.isShutOut ? <NotLive /> : null}
      {live.error && isLoaded ? (
        <Failure
          title="New messages may be missing"
          error={live.error}
          isCompact
          onRetry={() => void live.refetch()}
        />
      ) : null}
      {live.error && !isLoaded ? (
        <Failure
          title="The messages could not be loaded"
          error={live.error}
          className="flex-1 justify-center"
          onRetry={() => void live.refetch()}
        />
      ) : !isLoaded ? (
        <MessagesSkeleton />
      ) : isEmpty ? (
        <Empty
          icon={MessageSquare}
          title="Nothing has been said yet"
          hint="Be the first."
          className="flex-1 justify-center"
        />
      ) : (
        <Scroller
          oldest={messages[0]?.id}
          newest={JSON.stringify([last?.id, outgoing.at(-1)?.clientMessageId])}
          isOwn={isOnItsWay || last?.userId === user.id}
        >
          {live.hasMore ? <Older live={live} /> : null}
          <MessageList
            userId={user.id}
            messages={messages}
            outgoing={outgoing}
            onRetry={(id) => {
              live.retryMessage(id);
              focusOnDesktop(field.current);
            }}
            onDiscard={(id) => {
              live.discardMessage(id);
              focusOnDesktop(field.current);
            }}
          />
        </Scroller>
      )}
      <Spoken user={user} chatId={chat.id} />
      <TypingLine userIds={live.typingUsers} members={chat.members} />
      <Composer chat={chat} onSend={live.sendMessage} onTyping={live.setTyping} field={field} />
    </section>
  );
}

/** Not at once: somebody who is taken out of a chat sees it disappear a moment later. */
function NotLive() {
  return (
    <p
      role="status"
      className="animate-[appear_0.16s_ease-out_1.5s_backwards] bg-warning-soft px-4 py-2 text-sm text-warning sm:px-5"
    >
      What is said here does not appear by itself now. Reload the page to see it.
    </p>
  );
}

function Older({ live }: { live: ReturnType<typeof useLiveChat> }) {
  const { isLoadingOlder, olderError, loadOlder } = live;
  if (olderError) {
    return (
      <Failure
        title="Older messages could not be loaded"
        error={olderError}
        isCompact
        className="mb-2 rounded-lg"
        onRetry={loadOlder}
      />
    );
  }
  return (
    <div className="flex justify-center pb-2">
      <Button variant="quiet" size="small" disabled={isLoadingOlder} onClick={loadOlder}>
        {isLoadingOlder ? <LoaderCircle className="animate-spin" aria-hidden="true" /> : null}
        {isLoadingOlder ? 'Loading…' : 'Load older messages'}
      </Button>
    </div>
  );
}

/** What the others say as it comes, for screen readers: the list itself would read all its pages. */
function Spoken({ user, chatId }: { user: AuthUser; chatId: string }) {
  const [words, setWords] = useState('');
  useEvent('chat:message', ({ data: { message } }) => {
    if (message.chatId !== chatId || message.userId === user.id) return;
    setWords(`${message.userName}: ${message.text}`);
  });
  return (
    <p role="status" className="sr-only">
      {words}
    </p>
  );
}

const SKELETON_WIDTHS = ['w-2/5', 'w-3/5', 'w-1/3', 'w-1/2'];

function MessagesSkeleton() {
  return (
    <div className="flex flex-1 flex-col gap-4 px-4 py-5 sm:px-5">
      <p className="sr-only">Loading the messages…</p>
      {SKELETON_WIDTHS.map((width) => (
        <div key={width} aria-hidden="true" className="flex items-center gap-2.5">
          <div className="size-7 animate-pulse rounded-full bg-raised" />
          <div className={`h-8 animate-pulse rounded-2xl bg-raised ${width}`} />
        </div>
      ))}
    </div>
  );
}

/** Whatever is in sight has been read. */
function useRead(chatId: string): void {
  const { markRead } = useChatDesk();
  useEffect(() => {
    const read = () => {
      if (document.visibilityState === 'visible') markRead(chatId);
    };
    read();
    document.addEventListener('visibilitychange', read);
    return () => document.removeEventListener('visibilitychange', read);
  }, [chatId, markRead]);
}

/** Ready to type; on a phone, that would raise the keyboard over what one came to read. */
function focusOnDesktop(field: HTMLElement | null): void {
  if (matchMedia('(pointer: fine)').matches) field?.focus();
}
