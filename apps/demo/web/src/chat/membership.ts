import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { errorMessage, json, request } from '@/api';
import type { Person } from '../colleagues.ts';
import { useChatDesk } from './chat-desk.tsx';
import { type Chat, reloadChats } from './chats.ts';

/** How the people in a chat are changed; what goes wrong is told in a toast. */
export function useMembership(chat: Chat) {
  const queries = useQueryClient();
  const desk = useChatDesk();
  const path = `/api/chats/${encodeURIComponent(chat.id)}/members`;
  const pathOfMember = ({ id }: Person) => `${path}/${encodeURIComponent(id)}`;

  // the answers are not taken: an event with a newer state may have been here before them
  const onSuccess = () => void reloadChats(queries);

  const addition = useMutation({
    mutationFn: ({ id }: Person) => request(path, json('POST', { userId: id })),
    onSuccess,
    onError: (error, { name }) => tell(`${name} could not be added`, error),
  });

  const removal = useMutation({
    mutationFn: (person: Person) => request(pathOfMember(person), { method: 'DELETE' }),
    onSuccess,
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
