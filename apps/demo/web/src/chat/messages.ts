import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { request } from '@/api';
import {
  type ChatHistory,
  type ChatMessage,
  hasHole,
  type MessagesAnswer,
  NOTHING,
  withMessage,
  withNewestPage,
  withOlderPage,
} from './history.ts';

declare module '@trunkline/contract' {
  interface Events {
    /** To the chat's room. */
    'chat:message': { chatId: string; message: ChatMessage };
  }
}

/** Adds a message to what is known of its chat. */
export function addMessage(queries: QueryClient, message: ChatMessage): void {
  queries.setQueryData<ChatHistory>(keyOf(message.chatId), (history) =>
    withMessage(history, message),
  );
}

/** Loads the newest page of a chat again: something may have been missed. */
export async function reloadMessages(queries: QueryClient, chatId: string): Promise<void> {
  await queries.invalidateQueries({ queryKey: keyOf(chatId) });
}

/** The messages of a chat: the newest page and what came since, older ones on demand. */
export function useChatHistory(chatId: string, { enabled }: { enabled: boolean }) {
  const queries = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: keyOf(chatId),
    queryFn: async ({ signal }) => {
      const page = await request<MessagesAnswer>(pathOf(chatId), { signal });
      // read now: events have gone on while the page was on its way
      return withNewestPage(queries.getQueryData<ChatHistory>(keyOf(chatId)), page);
    },
    enabled,
  });

  // What the server stored and could not tell: Redis was away, or the node died in between.
  const isIncomplete = data !== undefined && hasHole(data);
  useEffect(() => {
    if (!isIncomplete) return;
    const timer = setTimeout(() => void refetch(), HOLE_MS);
    return () => clearTimeout(timer);
  }, [isIncomplete, refetch]);

  const older = useMutation({
    mutationFn: async ({ id, before }: OlderPage) => {
      const page = await request<MessagesAnswer>(`${pathOf(id)}&before=${before}`);
      queries.setQueryData<ChatHistory>(keyOf(id), (history) =>
        withOlderPage(history, page, before),
      );
    },
  });
  const olderOfThis = older.variables?.id === chatId ? older : null;

  const before = data?.messages[0]?.seq;
  return {
    history: data ?? NOTHING,
    error,
    refetch,
    isLoadingOlder: olderOfThis?.isPending === true,
    olderError: olderOfThis?.error ?? null,
    loadOlder: () => {
      if (before !== undefined && !older.isPending) older.mutate({ id: chatId, before });
    },
  };
}

interface OlderPage {
  id: string;
  /** The `seq` of the oldest message that is known. */
  before: number;
}

const PAGE_SIZE = 50;
/** What comes in another order than it was said is here by then. */
const HOLE_MS = 1000;

function pathOf(chatId: string): string {
  return `/api/chat/${encodeURIComponent(chatId)}/messages?limit=${PAGE_SIZE}`;
}

function keyOf(chatId: string) {
  return ['messages', chatId] as const;
}
