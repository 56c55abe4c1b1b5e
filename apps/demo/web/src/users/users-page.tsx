import { useState } from 'react';
import { json, requestIn } from '@/api';
import { useAuth } from '@/context/AuthContext';
import { useOperationToasts } from '@/hooks/useOperationToasts';
import { useTableRefresh } from '@/hooks/useTableRefresh';
import { tenantOf } from '../tenants.ts';
import { Page } from '../ui/page.tsx';
import { DropTarget } from './drop-target.tsx';
import { ExportMenu } from './export-menu.tsx';
import { ImportCard } from './import-card.tsx';
import { ImportReports } from './import-reports.tsx';
import { useImportWay } from './import-way.tsx';
import { checkSize, type ImportAnswer, useImports } from './imports.ts';
import { useLiveUsers } from './live-users.ts';
import { ReadyExports } from './ready-exports.tsx';
import { useStoredImports } from './stored-imports.ts';
import { FIRST_VIEW } from './users.ts';
import { UsersTable } from './users-table.tsx';

/** A tenant's users: a table that follows the server, and the import that fills it. */
export function UsersPage() {
  const { user } = useAuth();
  const [view, setView] = useState(FIRST_VIEW);
  const { refreshUserTable, refreshedAt, freshIds } = useLiveUsers(view);
  const [way, chooseWay] = useImportWay();
  const imports = useImports();
  const stored = useStoredImports();

  // Automatic features
  const { isConnected } = useOperationToasts(user?.id || '');
  useTableRefresh(user?.id || '', 'users', refreshUserTable);

  const handleImportUsers = (csvFile: File) =>
    imports.run(csvFile.name, async () => {
      checkSize(csvFile);
      const csvData = await csvFile.text();
      // where the file was chosen: it takes a moment to read, and the tab may have switched since
      const tenantId = user?.tenantId ?? null;
      return requestIn<ImportAnswer>(tenantId, '/api/users/import', json('POST', { csvData }));
      // WebSocket will handle progress and completion automatically!
    });

  const handleFiles = (files: Iterable<File>) => {
    const importFile = way === 'stored' ? stored.startImport : handleImportUsers;
    for (const file of files) void importFile(file);
  };

  return (
    <Page
      title="Users"
      lead={`Everyone at ${user ? tenantOf(user).name : 'your company'}. What colleagues change appears here ${
        isConnected ? 'by itself' : 'once the connection is up'
      }.`}
      actions={user?.actingAs ? undefined : <ExportMenu />}
    >
      {user?.actingAs ? null : (
        <>
          <DropTarget onFiles={handleFiles} />
          <ImportCard
            running={imports.running}
            operations={stored.running}
            way={way}
            onWayChange={chooseWay}
            onFiles={handleFiles}
          />
          <ReadyExports />
        </>
      )}
      <ImportReports reports={stored.reports} onClose={stored.closeReport} />
      <ImportReports reports={imports.reports} onClose={imports.closeReport} />
      <UsersTable
        view={view}
        onViewChange={setView}
        refreshedAt={refreshedAt}
        freshIds={freshIds}
      />
    </Page>
  );
}
