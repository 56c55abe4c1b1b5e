import { useMutation } from '@tanstack/react-query';
import { ChevronDown, FileDown, FileSpreadsheet, FileText } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import { toast } from 'sonner';
import type { ExportFormat } from '#shared/operations';
import { errorMessage } from '@/api';
import { useStart } from '../operations/starting.ts';
import { Button } from '../ui/button.tsx';
import { classNames } from '../ui/class-names.ts';
import { MENU, MENU_ITEM } from '../ui/menu.ts';

const FORMATS = [
  { format: 'csv', name: 'CSV file', icon: FileText },
  { format: 'xlsx', name: 'Excel file', icon: FileSpreadsheet },
] as const;

/** Starts an export of the users table: its toast says when the file is there. */
export function ExportMenu() {
  const start = useStart();
  const exporting = useMutation({
    mutationFn: (format: ExportFormat) =>
      start(() => ({ name: `export ${format}`, path: '/api/users/exports', body: { format } })),
    onError: (error) => {
      toast.error('The export did not start', { description: errorMessage(error) });
    },
  });
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button>
          <FileDown aria-hidden="true" />
          Export
          <ChevronDown aria-hidden="true" className="-mr-1 text-muted" />
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content align="end" sideOffset={6} className={classNames(MENU, 'min-w-44')}>
          {FORMATS.map(({ format, name, icon: Icon }) => (
            <DropdownMenu.Item
              key={format}
              className={MENU_ITEM}
              onSelect={() => exporting.mutate(format)}
            >
              <Icon className="size-4 text-muted" aria-hidden="true" />
              {name}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
