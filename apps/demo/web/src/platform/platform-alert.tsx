import { Siren } from 'lucide-react';
import { useState } from 'react';
import { post } from '@/api';
import { Button } from '../ui/button.tsx';
import { MessageDialog } from './message-dialog.tsx';

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
  const [isHigh, setIsHigh] = useState(true);
  const severity = isHigh ? 'high' : 'info';
  return (
    <MessageDialog
      title="Alert the platform"
      description="All platform staff see it at once. No tenant does."
      label="Alert"
      placeholder="System maintenance required"
      submitLabel="Send alert"
      emptyProblem="Write what has happened."
      sentTitle="The platform has been alerted"
      send={(message) => post('/api/platform/alerts', { severity, message })}
      onClose={onClose}
    >
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
    </MessageDialog>
  );
}
