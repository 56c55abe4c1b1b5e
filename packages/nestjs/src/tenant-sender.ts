import type { AppEvent, Member } from '@trunkline/contract';
import type { Receipt, SendEventOptions } from '@trunkline/server';

/** How to refresh tables: a signal that must not get lost. */
export type RefreshOptions = Omit<SendEventOptions, 'volatile'>;

/** Why somebody is taken out of something: for the audit trail. */
export interface RevocationOptions {
  /** In a few words, e.g. `left the company`. */
  readonly reason?: string;
}

/** The service, bound to one tenant: for workers, timers and whatever runs outside a request. */
export interface TenantSender {
  sendToUser<T extends string>(
    userId: string,
    event: AppEvent<T>,
    options?: SendEventOptions,
  ): Promise<Receipt>;
  sendToTenant<T extends string>(event: AppEvent<T>, options?: SendEventOptions): Promise<Receipt>;
  sendToRoom<T extends string>(
    room: string,
    event: AppEvent<T>,
    options?: SendEventOptions,
  ): Promise<Receipt>;
  refreshTables(tables: readonly string[], options?: RefreshOptions): Promise<Receipt>;
  joinRoom(userId: string, room: string): Promise<void>;
  leaveRoom(userId: string, room: string, options?: RevocationOptions): Promise<void>;
  presence(room: string): Promise<Member[]>;
  disconnectUser(userId: string, options?: RevocationOptions): Promise<void>;
  disconnectTenant(options?: RevocationOptions): Promise<void>;
  refreshPermissions(userId: string, options?: RevocationOptions): Promise<void>;
}
