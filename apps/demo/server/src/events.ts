import type { ChatMessage, Person } from './chat/chat.ts';
import type { Product, ProductUpdates } from './products/product.ts';

// What the demo sends, checked wherever it is sent.
declare module '@trunkline/contract' {
  interface Events {
    'chat:message': { chatId: string; message: ChatMessage };
    'chat:typing': { chatId: string; userId: string; isTyping: boolean };
    'chat:members': { chatId: string; members: readonly Person[] };
    'chat:added': { chatId: string };
    'chat:removed': { chatId: string };
    'data:product:updated': { productId: string; product: Product; updates: ProductUpdates };
    'data:product:deleted': { productId: string };
    'tenant:announcement': { message: string };
    'platform:alert': { severity: 'info' | 'high'; message: string };
    'platform:notification': { message: string };
  }
}
