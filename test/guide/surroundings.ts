// What the guide leaves out around each block: imports, variables, helper methods. The printed text
// itself is never touched.
import type { Cut } from './blocks.ts';

/** Declarations before and after one printed part. */
interface Surroundings {
  readonly before?: string;
  readonly after?: string;
}

/** How a block becomes source files: one per part. */
export interface Compiled {
  readonly cut?: Cut;
  readonly parts: readonly Surroundings[];
}

/** A block that is no code, and why. */
export interface NotCode {
  readonly notCode: string;
}

const nest = "import { Injectable, Module } from '@nestjs/common';";
const service = `${nest}
import { WebSocketService } from '@/infrastructure/websocket/websocket.service';`;
const react = `import { useEffect, useState } from 'react';
import { useAuth } from '@/context/AuthContext';
import { useOperationToasts } from '@/hooks/useOperationToasts';
import { useTableRefresh } from '@/hooks/useTableRefresh';
import { useWebSocket } from '@/hooks/useWebSocket';`;

/** Lines that the guide prints without the service's method around them. */
function inService(parameters: string, members = ''): Compiled {
  const before = `${service}
class Fragment {
  constructor(private readonly webSocketService: WebSocketService) {}
  ${members}
  async run(${parameters}) {`;
  return { parts: [{ before, after: '  }\n}' }] };
}

/** Lines that the guide prints without the component around them. */
function inComponent(declarations = ''): Surroundings {
  const before = `${react}
${declarations}
function Fragment() {
  const { user } = useAuth();`;
  return { before, after: '}' };
}

function whole(before: string, after = ''): Compiled {
  return { parts: [{ before, after }] };
}

/** Every block of the guide by its name. */
export const surroundings: Readonly<Record<string, Compiled | NotCode>> = {
  'Backend: Adding WebSocket to Any Service': {
    parts: [
      {},
      {
        before: service,
        after: `declare const result: any;
export interface MyOperationService {
  processStep1(data: any): Promise<void>;
  processStep2(data: any): Promise<void>;
}`,
      },
    ],
  },
  'Frontend: Using WebSocket Hooks': whole('', 'declare function fetchData(): void;'),
  'Example 1: User Import Operation / Backend Service': whole(
    service,
    `export interface UserImportService {
  parseCSV(csvData: string): Promise<any>;
  validateUsers(users: any): Promise<any>;
  saveUsers(users: any): Promise<any>;
  sendWelcomeEmails(results: any): Promise<void>;
}`,
  ),
  'Example 1: User Import Operation / Frontend Component': whole(
    react,
    `declare function refreshUserTable(): void;
declare function UserTable(): React.JSX.Element;`,
  ),
  'Example 2: Live Chat System / Backend Service': whole(
    service,
    'export interface ChatService { saveMessage(chatId: string, message: any): Promise<any> }',
  ),
  'Example 2: Live Chat System / Frontend Hook': whole(react),
  'Example 3: Live Data Updates / Backend Service': whole(
    service,
    `export interface ProductService {
  productRepository: { update(productId: string, updates: any): Promise<any> };
}`,
  ),
  'Example 3: Live Data Updates / Frontend Hook': whole(react),
  'Progress Toasts with Percentage': inService('userId: string'),
  'Custom Toast Messages': inService('userId: string, result: any'),
  'Automatic Refresh': {
    cut: 'paragraphs',
    parts: [
      {
        before: `import type { AppEvent } from '@trunkline/contract';
export const event: AppEvent = { type: 'users:changed', data: {},`,
        after: '};',
      },
      inComponent(`declare function refreshUsers(): void;
declare function refreshAuditLogs(): void;`),
    ],
  },
  'Manual Refresh Triggers': whole('declare const updatedUser: any;'),
  'Platform Level Operations': inService(''),
  'Tenant Level Operations': inService('tenantId: string'),
  'Custom Event Handling': whole(react),
  'Multiple Operation Types': { parts: [inComponent()] },
  'Connection Status': whole(react),
  '1. Operation ID Format': whole('declare const operationType: string;'),
  '2. Progress Percentages': {
    notCode: 'a list of percentages with their meaning, not statements',
  },
  '3. Error Handling': inService(
    'operationId: string, userId: string, longRunningOperation: () => Promise<void>',
    'async sendError(operationId: string, userId: string, error: string) {}',
  ),
  '4. Message Consistency': whole(''),
  'Add to Any Module': {
    parts: [{ before: `${nest}\nimport { YourService } from './part-2';` }, { before: service }],
  },
};
