import { type QueryClient, useQuery } from '@tanstack/react-query';
import { request } from '@/api';
import type { Person } from '../colleagues.ts';

/** A chat that the user is in. */
export interface Chat {
  id: string;
  name: string;
  members: Person[];
  /** ISO 8601. */
  createdAt: string;
}

declare module '@trunkline/contract' {
  interface Events {
    /** To the chat's room: who is in it now. */
    'chat:members': { chatId: string; members: Person[] };
    /** To the user concerned. */
    'chat:added': { chatId: string };
    'chat:removed': { chatId: string };
  }
}

/** The path of a chat's page. */
export function pathOfChat(chatId: string): string {
  return `/chat/${encodeURIComponent(chatId)}`;
}

const CHATS_KEY = ['chats'] as const;

/** The chats that the user is in, by name. */
export function useChats() {
  return useQuery({
    queryKey: CHATS_KEY,
    queryFn: async ({ signal }) => {
      const { chats } = await request<{ chats: Chat[] }>('/api/chats', { signal });
      return byName(chats);
    },
    meta: { isLive: true },
  });
}

/** The chats as they are known now. */
export function knownChats(queries: QueryClient): readonly Chat[] {
  return queries.getQueryData<Chat[]>(CHATS_KEY) ?? [];
}

/** Takes a chat that the user has just begun. */
export function putChat(queries: QueryClient, chat: Chat): void {
  queries.setQueryData<Chat[]>(CHATS_KEY, (chats) =>
    chats ? byName([...chats.filter(({ id }) => id !== chat.id), chat]) : chats,
  );
}

/** Takes who is in a chat now, if the user still is. */
export function putMembers(queries: QueryClient, chatId: string, members: Person[]): void {
  queries.setQueryData<Chat[]>(CHATS_KEY, (chats) =>
    chats?.map((chat) => (chat.id === chatId ? { ...chat, members } : chat)),
  );
  // a list that is on its way may be older
  if (queries.isFetching({ queryKey: CHATS_KEY }) > 0) void reloadChats(queries);
}

/** Forgets a chat that the user is not in any more, with all that was said in it. */
export function dropChat(queries: QueryClient, chatId: string): void {
  queries.setQueryData<Chat[]>(CHATS_KEY, (chats) => chats?.filter(({ id }) => id !== chatId));
  queries.removeQueries({ queryKey: ['messages', chatId] });
}

/** Loads the chats again. */
export async function reloadChats(queries: QueryClient): Promise<void> {
  await queries.invalidateQueries({ queryKey: CHATS_KEY });
}

function byName(chats: Chat[]): Chat[] {
  return chats.toSorted((a, b) => a.name.localeCompare(b.name));
}
