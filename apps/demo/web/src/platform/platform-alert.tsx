import { useMutation } from '@tanstack/react-query';
import { Siren } from 'lucide-react';
import { useState } from 'react';
import { errorMessage, post } from '@/api';
import { Button } from '../ui/button.tsx';
import { FormDialog } from '../ui/dialog.tsx';
import { TextField } from '../ui/field.tsx';
import { type SendAnswer, tellReceipt } from './receipts.ts';

/** Tells the platform's staff something, and nobody else. */
export function PlatformAlert() {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setIsOpen(true)}>
        <Siren aria-hidden="true" />
        Alert the platform
      </Button>
      {isOpen ? <PlatformAlertDialog onClose={() => setIsOpen(false)} /> : null}
    </>
  );
}

function PlatformAlertDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const [isHigh, setIsHigh] = useState(true);
  const [wasSubmitted, setWasSubmitted] = useState(false);
  const message = text.trim();
  const problem = message === '' ? 'Write what has happened.' : null;

  const sending = useMutation({
    mutationFn: () =>
      post<SendAnswer>('/api/platform/alerts', { severity: isHigh ? 'high' : 'info', message }),
    onSuccess: (answer) => {
      onClose();
      tellReceipt('The platform has been alerted', answer);
    },
  });

  return (
    <FormDialog
      title="Alert the platform"
      description="All platform staff see it at once. No tenant does."
      submitLabel={sending.isPending ? 'Sending…' : 'Send alert'}
      isPending={sending.isPending}
      problem={sending.error && errorMessage(sending.error)}
      onClose={onClose}
      onSubmit={() => {
        setWasSubmitted(true);
        if (problem === null) sending.mutate();
      }}
    >
      <TextField
        label="Alert"
        placeholder="System maintenance required"
        value={text}
        maxLength={500}
        problem={wasSubmitted ? problem : null}
        onChange={(event) => setText(event.target.value)}
      />
      <label className="flex items-start gap-2.5 text-sm">
        <input
          type="checkbox"
          checked={isHigh}
          onChange={(event) => setIsHigh(event.target.checked)}
          className="mt-0.5 size-4 accent-accent"
        />
        <span>
          High severity
          <span className="block text-[0.8125rem] text-muted">
            It stays on the screen until somebody closes it.
          </span>
        </span>
      </label>
    </FormDialog>
  );
}
