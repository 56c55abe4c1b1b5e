import type { AppEvent } from '@trunkline/contract';
import { currentPrincipal } from '@trunkline/nestjs';
import type { WebSocketService } from '@/infrastructure/websocket/websocket.service';

/** What was sent, to whom, and in which tenant. */
export interface Sent {
  userId: string;
  tenantId: string | null;
  type: string;
  data: Record<string, unknown>;
  metadata: AppEvent['metadata'];
}

/** Stands in for the real service: keeps what an import sends. */
export class RecordingWebSocketService {
  readonly sent: Sent[] = [];
  #onSend: (sent: Sent) => void = () => {};

  /** Runs at each send, before it is answered. */
  onSend(listener: (sent: Sent) => void): void {
    this.#onSend = listener;
  }

  async sendToUser(userId: string, event: AppEvent): Promise<void> {
    const { type, data, metadata } = event as AppEvent & { data: Record<string, unknown> };
    const realm = currentPrincipal()?.realm;
    const tenantId = realm?.kind === 'tenant' ? realm.tenantId : null;
    // As on the wire: later changes of the object must not be seen.
    const sent = structuredClone({ userId, tenantId, type, data, metadata });
    this.sent.push(sent);
    this.#onSend(sent);
  }

  asService(): WebSocketService {
    return this as unknown as WebSocketService;
  }
}
