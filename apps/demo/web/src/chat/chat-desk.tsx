import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
} from 'react';
import { toast } from 'sonner';
import type { AuthUser } from '@/context/AuthContext';
import { useWebSocket } from '@/hooks/useWebSocket';
import { navigate } from '../router.tsx';
import { type Chat, dropChat, knownChats, pathOfChat, putMembers, reloadChats } from './chats.ts';
import { type Outbox, useOutbox } from './outbox.ts';

// ids, because a message that was sent twice is told twice
type Unread = ReadonlyMap<string, ReadonlySet<string>>;

/** What is kept of the chats while the user is elsewhere in the app. */
interface ChatDesk {
  readonly outbox: Outbox;
  /** What was typed and not sent, by chat. */
  readonly drafts: Map<string, string>;
  /** Ids of the messages that have come unseen, by chat. */
  readonly unread: Unread;
  readonly markRead: (chatId: string) => void;
  /** Takes a chat off the page that the user leaves, or has been taken out of. */
  readonly leave: (chat: Chat) => void;
}

const ChatDeskContext = createContext<ChatDesk | null>(null);

/** Follows all chats of one user in one tenant, whatever page is open. */
export function ChatDeskProvider({ user, children }: { user: AuthUser; children: ReactNode }) {
  const outbox = useOutbox();
  const { unread, markRead } = useUnread(user);
  const [drafts] = useState(() => new Map<string, string>());
  const leave = useLeaving(drafts, markRead);
  useChatEvents(user, leave);

  const desk = useMemo(
    () => ({ outbox, drafts, unread, markRead, leave }),
    [outbox, drafts, unread, markRead, leave],
  );
  return <ChatDeskContext.Provider value={desk}>{children}</ChatDeskContext.Provider>;
}

/** What is kept of the chats. */
export function useChatDesk(): ChatDesk {
  const desk = useContext(ChatDeskContext);
  if (!desk) throw new Error('useChatDesk needs a <ChatDeskProvider> above it');
  return desk;
}

/** How many messages have come unseen in all chats. */
export function useUnreadTotal(): number {
  const { unread } = useChatDesk();
  return [...unread.values()].reduce((total, ids) => total + ids.size, 0);
}

/** Forgets the chat, and goes back to the list if it was open. */
function useLeaving(drafts: ChatDesk['drafts'], markRead: ChatDesk['markRead']) {
  const queries = useQueryClient();
  return useCallback(
    ({ id }: Chat) => {
      if (location.pathname === pathOfChat(id)) navigate('/chat', { replace: true });
      dropChat(queries, id);
      drafts.delete(id);
      markRead(id);
    },
    [queries, drafts, markRead],
  );
}

function useChatEvents({ id }: AuthUser, leave: ChatDesk['leave']): void {
  const queries = useQueryClient();
  const { subscribe } = useWebSocket(id);

  useEffect(() => {
    const stops = [
      subscribe('chat:members', ({ data }) => putMembers(queries, data.chatId, data.members)),
      subscribe('chat:added', () => void reloadChats(queries)),
      subscribe('chat:removed', ({ data }) => {
        const chat = knownChats(queries).find((one) => one.id === data.chatId);
        // not known: it was the user who left it here
        if (!chat) return;
        leave(chat);
        // a list that was on its way has it still
        void reloadChats(queries);
        toast.warning(`You are not in “${chat.name}” any more`);
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [queries, subscribe, leave]);
}

function useUnread({ id }: AuthUser) {
  const { subscribe } = useWebSocket(id);
  const [unread, setUnread] = useState<Unread>(new Map());

  useEffect(() => {
    return subscribe('chat:message', ({ data: { chatId, message } }) => {
      if (message.userId === id || isInSight(chatId)) return;
      setUnread((all) => new Map(all).set(chatId, new Set(all.get(chatId)).add(message.id)));
    });
  }, [subscribe, id]);

  const markRead = useCallback((chatId: string) => {
    setUnread((all) => {
      if (!all.has(chatId)) return all;
      return new Map([...all].filter(([other]) => other !== chatId));
    });
  }, []);

  return { unread, markRead };
}

function isInSight(chatId: string): boolean {
  return location.pathname === pathOfChat(chatId) && document.visibilityState === 'visible';
}
