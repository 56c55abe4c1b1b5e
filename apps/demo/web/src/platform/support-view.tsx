import { useMutation } from '@tanstack/react-query';
import { Eye } from 'lucide-react';
import { useState } from 'react';
import { errorMessage } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { navigate } from '../router.tsx';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import type { TenantRow } from './tenants.ts';

/** Opens a support view: the only way into a tenant from here. */
export function SupportView({ tenant }: { tenant: TenantRow }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        size="small"
        aria-label={`Open a support view of ${tenant.name}`}
        onClick={() => setIsOpen(true)}
      >
        <Eye aria-hidden="true" />
        <span className="max-sm:hidden">Support view</span>
      </Button>
      {isOpen ? <SupportViewDialog tenant={tenant} onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

interface SupportViewDialogProps {
  tenant: TenantRow;
  onClose: () => void;
}

function SupportViewDialog({ tenant: { id, name }, onClose }: SupportViewDialogProps) {
  const { openSupportView } = useAuth();
  const [text, setText] = useState('');
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const reason = text.trim();
  const problem = reason === '' ? 'Say why, in a few words.' : null;

  const opening = useMutation({
    mutationFn: async () => {
      await openSupportView(id, reason);
      navigate('/');
    },
  });

  return (
    <FormDialog
      title={`Support view of ${name}`}
      description={`This tab shows ${name} as its own people see it, for half an hour. The audit trail keeps that you were there, and why.`}
      submitLabel={opening.isPending ? 'Opening…' : 'Open support view'}
      isPending={opening.isPending}
      problem={opening.error && errorMessage(opening.error)}
      onClose={onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (problem === null) opening.mutate();
      }}
    >
      <Field
        label="Reason"
        placeholder="Ticket 4711: the import shows no progress"
        value={text}
        maxLength={200}
        autoComplete="off"
        problem={wasSubmitted ? problem : null}
        onChange={(event) => setText(event.target.value)}
      />
    </FormDialog>
  );
}
