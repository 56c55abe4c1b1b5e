import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { errorMessage, json, request } from '@/api';
import type { Person } from '../colleagues.ts';
import { useChatDesk } from './chat-desk.tsx';
import { type Chat, putMembers, reloadChats } from './chats.ts';

/** How the people in a chat are changed; what goes wrong is told in a toast. */
export function useMembership(chat: Chat) {
  const queries = useQueryClient();
  const desk = useChatDesk();
  const path = `/api/chats/${encodeURIComponent(chat.id)}/members`;
  const pathOfMember = ({ id }: Person) => `${path}/${encodeURIComponent(id)}`;

  const addition = useMutation({
    mutationFn: ({ id }: Person) => request<Chat>(path, json('POST', { userId: id })),
    onSuccess: ({ id, members }) => putMembers(queries, id, members),
    onError: (error, { name }) => tell(`${name} could not be added`, error),
  });

  const removal = useMutation({
    mutationFn: (person: Person) => request<Chat>(pathOfMember(person), { method: 'DELETE' }),
    onSuccess: ({ id, members }) => putMembers(queries, id, members),
    onError: (error, { name }) => tell(`${name} could not be removed`, error),
  });

  const departure = useMutation({
    // off the page first: that the server then says so too is no news
    onMutate: () => desk.leave(chat),
    mutationFn: (self: Person) => request(pathOfMember(self), { method: 'DELETE' }),
    onError: async (error) => {
      tell(`You are still in “${chat.name}”`, error);
      await reloadChats(queries);
    },
  });

  return {
    add: addition.mutate,
    remove: removal.mutate,
    leave: departure.mutate,
    isPending: addition.isPending || removal.isPending,
  };
}

function tell(title: string, error: unknown): void {
  toast.error(title, { description: errorMessage(error) });
}
