/** What the documents' code imports from the reader's own app, by file. */
export const readersModules: Readonly<Record<string, string>> = {
  'auth.ts': `export declare function useAuth(): {
    user: { id: string } | null;
    getAccessToken: () => Promise<string | null>;
  };`,
  'users.ts': `import type { JSX } from 'react';
    interface User { id: string; name: string }
    export declare function useUsers(): { users: User[]; refetch: () => Promise<void> };
    export declare function UserTable(props: { users: User[] }): JSX.Element;
    export declare function saveUsers(users: string | User[]): Promise<{ imported: number }>;
    export declare function parseCSV(csvData: string): Promise<User[]>;
    export declare function validateUsers(users: User[]): Promise<User[]>;
    export declare function sendWelcomeEmails(results: { imported: number }): Promise<void>;
    export declare function importFile(fileId: string, signal: AbortSignal): Promise<{ imported: number }>;`,
  'user-import.ts': `import { defineOperation } from '@trunkline/contract';
    import { z } from 'zod';
    export const userImport = defineOperation('user-import', {
      input: z.object({ fileId: z.string() }),
      result: z.object({ imported: z.number() }),
    });`,
  'snackbar.ts': `export declare const snackbar: {
    put(id: string, look: {
      tone: 'running' | 'success' | 'error' | 'cancelled';
      title: string;
      text: string;
      percentage: number | undefined;
      button: { label: string; onClick(): void } | undefined;
      durationMs: number;
      onClose: () => void;
    }): void;
    remove(id: string): void;
  };`,
  'sessions.ts': `import type { Principal } from '@trunkline/server';
    interface Session { userId: string; tenantId: string; roles: string[]; expiresAt: number }
    export declare const sessions: {
      find(id: string): Promise<Session | null>;
      principalOf(cookies: string | undefined): Promise<Principal | null>;
    };`,
  'pool.ts': `import type { Pool } from 'pg';
    export declare const pool: Pool;`,
  'chats.ts': `export declare const chats: {
    of(userId: string): Promise<string[]>;
    hasMember(chatId: string, userId: string): Promise<boolean>;
    members(chatId: string): Promise<string[]>;
  };`,
  'chat-repository.ts': `export declare class ChatRepository {
    hasMember(chatId: string, userId: string): Promise<boolean>;
    membersOf(chatId: string): Promise<string[]>;
    addMember(chatId: string, userId: string): Promise<void>;
    removeMember(chatId: string, userId: string): Promise<void>;
  }`,
  'staff.ts': `export declare const staff: {
    rolesOf(userId: string): Promise<string[] | null>;
    setRoles(userId: string, roles: string[]): Promise<void>;
    remove(userId: string): Promise<void>;
  };`,
  'support-views.ts': `export declare const supportViews: {
    open(userId: string, tenantId: string): Promise<{ reason: string } | null>;
  };`,
  'audit-table.ts': `export declare const auditTable: { insert(row: object): Promise<void> };`,
  'report-job.ts': `export interface ReportJob {
    tenantId: string;
    userId: string;
    reportId: string;
  }`,
  'database.ts': `interface Transaction {
      update(table: string, id: string, changes: object): Promise<void>;
    }
    export declare class Database {
      transaction(run: (transaction: Transaction) => Promise<void>): Promise<void>;
    }`,
  'user-import.service.ts': `export declare class UserImportService {
    importUsers(csvData: string, userId: string): Promise<void>;
  }`,
  'app.module.ts': 'export declare class AppModule {}',
};
