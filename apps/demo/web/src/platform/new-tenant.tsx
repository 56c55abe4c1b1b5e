import { useMutation } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import { errorMessage } from '@/api';
import { useStart } from '../operations/starting.ts';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { idOf, problemOfId } from './tenant-id.ts';

/** Creates a tenant: the operation's own toast tells how it goes on. */
export function NewTenant() {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button variant="primary" onClick={() => setIsOpen(true)}>
        <Plus aria-hidden="true" />
        Create tenant
      </Button>
      {isOpen ? <NewTenantDialog onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

function NewTenantDialog({ onClose }: { onClose: () => void }) {
  const start = useStart();
  const [name, setName] = useState('');
  // follows the name until somebody says otherwise
  const [ownId, setOwnId] = useState<string | null>(null);
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const id = ownId ?? idOf(name);
  const nameProblem = name.trim() === '' ? 'Give the tenant a name.' : null;
  const idProblem = problemOfId(id);

  const creation = useMutation({
    mutationFn: () =>
      start(() => ({
        name: `tenant ${id} ${name.trim()}`,
        path: '/api/platform/tenants',
        body: { id, name: name.trim() },
      })),
    onSuccess: onClose,
  });

  return (
    <FormDialog
      title="Create tenant"
      description="It begins with an admin account, a few users, products and a chat."
      submitLabel={creation.isPending ? 'Starting…' : 'Create tenant'}
      isPending={creation.isPending}
      problem={creation.error && errorMessage(creation.error)}
      onClose={onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (nameProblem === null && idProblem === null) creation.mutate();
      }}
    >
      <Field
        label="Name"
        placeholder="Initech"
        value={name}
        maxLength={80}
        autoComplete="off"
        problem={wasSubmitted ? nameProblem : null}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label="Id"
        placeholder="initech"
        value={id}
        maxLength={31}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        className="font-mono"
        problem={wasSubmitted && nameProblem === null ? idProblem : null}
        hint={id === '' ? undefined : `The admin signs in as admin@${id}.test.`}
        onChange={(event) => setOwnId(event.target.value)}
      />
    </FormDialog>
  );
}
