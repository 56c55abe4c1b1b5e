import { useMutation, useQueryClient } from '@tanstack/react-query';
import { MessageSquarePlus } from 'lucide-react';
import { useState } from 'react';
import { errorMessage, post } from '@/api';
import type { AuthUser } from '@/context/AuthContext';
import { useColleagues } from '../colleagues.ts';
import { navigate } from '../router.tsx';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { type Chat, pathOfChat, putChat } from './chats.ts';

/** Begins a chat with colleagues. */
export function NewChat({ user }: { user: AuthUser }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button size="small" onClick={() => setIsOpen(true)}>
        <MessageSquarePlus aria-hidden="true" />
        New chat
      </Button>
      {isOpen ? <NewChatDialog user={user} onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

function NewChatDialog({ user, onClose }: { user: AuthUser; onClose: () => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const [memberIds, setMemberIds] = useState<readonly string[]>([]);
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const nameProblem = name.trim() === '' ? 'Give the chat a name.' : null;

  const creation = useMutation({
    mutationFn: () => post<Chat>('/api/chats', { name: name.trim(), memberIds }),
    onSuccess: (chat) => {
      putChat(queries, chat);
      onClose();
      navigate(pathOfChat(chat.id));
    },
  });

  const toggle = (id: string) =>
    setMemberIds((ids) => (ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id]));

  return (
    <FormDialog
      title="New chat"
      description="Everyone you choose sees it at once."
      submitLabel={creation.isPending ? 'Creating…' : 'Create chat'}
      isPending={creation.isPending}
      problem={creation.error && errorMessage(creation.error)}
      onClose={onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (nameProblem === null) creation.mutate();
      }}
    >
      <Field
        label="Name"
        value={name}
        maxLength={80}
        autoComplete="off"
        problem={wasSubmitted ? nameProblem : null}
        onChange={(event) => setName(event.target.value)}
      />
      <Colleagues user={user} chosen={memberIds} onToggle={toggle} />
    </FormDialog>
  );
}

interface ColleaguesProps {
  user: AuthUser;
  chosen: readonly string[];
  onToggle: (id: string) => void;
}

function Colleagues({ user, chosen, onToggle }: ColleaguesProps) {
  const { data, error } = useColleagues({ enabled: true });
  const others = data?.filter(({ id }) => id !== user.id);
  return (
    <fieldset>
      <legend className="mb-1.5 text-sm font-medium">With</legend>
      {others && others.length > 0 ? (
        <div className="max-h-56 overflow-y-auto rounded-lg border border-line-strong p-1">
          {others.map(({ id, name }) => (
            <label
              key={id}
              className="flex cursor-pointer items-center gap-2.5 rounded-md px-2 py-1.5 text-sm hover:bg-raised"
            >
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                onChange={() => onToggle(id)}
                className="size-4 accent-accent"
              />
              <span className="truncate">{name}</span>
            </label>
          ))}
        </div>
      ) : (
        <p className="text-sm text-muted">
          {error
            ? `Your colleagues could not be loaded: ${errorMessage(error)}`
            : data
              ? 'There is nobody else here yet; people can be added later.'
              : 'Loading…'}
        </p>
      )}
    </fieldset>
  );
}
