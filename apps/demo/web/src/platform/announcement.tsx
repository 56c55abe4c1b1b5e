import { useMutation } from '@tanstack/react-query';
import { Megaphone } from 'lucide-react';
import { useState } from 'react';
import { errorMessage, post } from '@/api';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { type SendAnswer, tellReceipt } from './receipts.ts';
import type { TenantRow } from './tenants.ts';

/** Tells everyone in one tenant something. */
export function Announcement({ tenant }: { tenant: TenantRow }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button
        variant="quiet"
        size="small"
        aria-label={`Announce something to ${tenant.name}`}
        onClick={() => setIsOpen(true)}
      >
        <Megaphone aria-hidden="true" />
        <span className="max-sm:hidden">Announce</span>
      </Button>
      {isOpen ? <AnnouncementDialog tenant={tenant} onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

interface AnnouncementDialogProps {
  tenant: TenantRow;
  onClose: () => void;
}

function AnnouncementDialog({ tenant: { id, name }, onClose }: AnnouncementDialogProps) {
  const [text, setText] = useState('');
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const message = text.trim();
  const problem = message === '' ? 'Write what they should know.' : null;

  const sending = useMutation({
    mutationFn: () => post<SendAnswer>('/api/platform/announcements', { tenantId: id, message }),
    onSuccess: (answer) => {
      onClose();
      tellReceipt(`Announced to ${name}`, answer);
    },
  });

  return (
    <FormDialog
      title={`Announce to ${name}`}
      description={`Everyone who works in ${name} now sees it at once, and nobody else does.`}
      submitLabel={sending.isPending ? 'Sending…' : 'Announce'}
      isPending={sending.isPending}
      problem={sending.error && errorMessage(sending.error)}
      onClose={onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (problem === null) sending.mutate();
      }}
    >
      <TextField
        label="Announcement"
        placeholder="System will be updated tonight"
        value={text}
        maxLength={500}
        problem={wasSubmitted ? problem : null}
        onChange={(event) => setText(event.target.value)}
      />
    </FormDialog>
  );
}
