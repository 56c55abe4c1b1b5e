import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useCall } from '@/hooks/useCall';
import { useRoom } from '@/hooks/useRoom';
import { useTyping } from '@/hooks/useTyping';
import { useWebSocket } from '@/hooks/useWebSocket';
import { useChatDesk } from '../chat/chat-desk.tsx';
import type { ChatMessage } from '../chat/history.ts';
import { addMessage, reloadMessages, useChatHistory } from '../chat/messages.ts';

declare module '@trunkline/contract' {
  interface Events {
    /** To the chat's room; volatile. */
    'chat:typing': { chatId: string; userId: string; isTyping: boolean };
  }
}

/** A chat as it goes on: what was said, what is being sent, who types. */
export function useLiveChat(chatId: string) {
  const { user } = useAuth();
  const queries = useQueryClient();
  const { subscribe, isConnected } = useWebSocket(user?.id || '');
  const { hasEntered, isShutOut } = useLiveRoom(chatId);
  const { typingUsers, setTyping } = useChatTyping(chatId);
  // the room first, then its history: what is said in between is in one of them
  const isEntering = isConnected && !hasEntered && !isShutOut;
  const { history, ...loading } = useChatHistory(chatId, { enabled: !isEntering });

  useEffect(() => {
    const unsubscribeMessage = subscribe('chat:message', (event) => {
      if (event.data.chatId === chatId) {
        addMessage(queries, event.data.message);
      }
    });

    return () => {
      unsubscribeMessage();
    };
  }, [chatId, subscribe, queries]);

  const outgoing = useOutgoing(chatId, history.messages);
  return {
    ...loading,
    ...outgoing,
    ...history,
    isShutOut,
    typingUsers,
    setTyping,
  };
}

/** The chat's room; after whatever may have been missed, the history is loaded again. */
function useLiveRoom(chatId: string) {
  const queries = useQueryClient();
  const { status } = useRoom(`chat:${chatId}`, {
    onGap: () => void reloadMessages(queries, chatId),
  });
  const [entered, setEntered] = useState('');
  if (status === 'joined' && entered !== chatId) setEntered(chatId);
  const hasEntered = entered === chatId;

  // a page without a connection did not wait for the room
  useEffect(() => {
    if (hasEntered) void reloadMessages(queries, chatId);
  }, [hasEntered, chatId, queries]);
  return { hasEntered, isShutOut: status === 'denied' };
}

function useChatTyping(chatId: string) {
  const call = useCall();
  return useTyping(`chat:${chatId}`, {
    event: 'chat:typing',
    signal: (isTyping) => call('chat:typing', { chatId, isTyping }),
  });
}

function useOutgoing(chatId: string, messages: readonly ChatMessage[]) {
  const { outbox } = useChatDesk();
  const arrived = new Set(messages.map(({ clientMessageId }) => clientMessageId));
  const own = outbox.outgoing.filter((message) => message.chatId === chatId);
  // the event has overtaken the answer, or the answer was lost
  const late = own.filter(({ clientMessageId }) => arrived.has(clientMessageId));
  useEffect(() => {
    if (late.length > 0) outbox.remove(late.map(({ clientMessageId }) => clientMessageId));
  });
  return {
    /** What has been sent and is not in the history yet. */
    outgoing: own.filter((message) => !late.includes(message)),
    sendMessage: (text: string) => outbox.send(chatId, text),
    retryMessage: outbox.retry,
    discardMessage: (clientMessageId: string) => outbox.remove([clientMessageId]),
  };
}
