import { Megaphone } from 'lucide-react';
import { useState } from 'react';
import { post } from '@/api';
import { Button } from '../ui/button.tsx';
import { MessageDialog } from './message-dialog.tsx';
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
  return (
    <MessageDialog
      title={`Announce to ${name}`}
      description={`Everyone who works in ${name} now sees it at once, and nobody else does.`}
      label="Announcement"
      placeholder="System will be updated tonight"
      submitLabel="Announce"
      emptyProblem="Write what they should know."
      sentTitle={`Announced to ${name}`}
      send={(message) => post('/api/platform/announcements', { tenantId: id, message })}
      onClose={onClose}
    />
  );
}
