import { SearchX, Users } from 'lucide-react';
import { Button } from '../ui/button.tsx';
import { Empty } from '../ui/empty.tsx';

interface NoUsersProps {
  search: string;
  onClearSearch: () => void;
}

/** Nobody matches, or nobody is there. */
export function NoUsers({ search, onClearSearch }: NoUsersProps) {
  if (search === '') {
    return (
      <Empty
        icon={Users}
        title="No users yet"
        hint="Import a CSV file, or the sample, to fill this table."
      />
    );
  }
  return (
    <Empty
      icon={SearchX}
      title={`No users match “${search}”`}
      hint="Names, e-mail addresses and departments are searched."
    >
      <Button size="small" onClick={onClearSearch}>
        Clear the search
      </Button>
    </Empty>
  );
}
