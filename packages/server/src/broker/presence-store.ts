import type { ClientInfo } from './broker.ts';

interface Present {
  readonly info: ClientInfo;
  readonly expiresAt: number;
}

/** Who is present in which channel, in memory. */
export class PresenceStore {
  readonly #channels = new Map<string, Map<string, Present>>();

  add(channel: string, info: ClientInfo, expiresAt: number): void {
    const clients = this.#channels.get(channel) ?? new Map<string, Present>();
    this.#channels.set(channel, clients);
    clients.set(info.client, { info, expiresAt });
  }

  remove(channel: string, clientId: string): void {
    const clients = this.#channels.get(channel);
    clients?.delete(clientId);
    if (clients?.size === 0) this.#channels.delete(channel);
  }

  of(channel: string, now: number): ClientInfo[] {
    const clients = this.#channels.get(channel)?.values() ?? [];
    return [...clients].filter(({ expiresAt }) => expiresAt > now).map(({ info }) => info);
  }

  forgetExpired(now: number): void {
    for (const [channel, clients] of this.#channels) {
      for (const [clientId, { expiresAt }] of clients) {
        if (expiresAt <= now) this.remove(channel, clientId);
      }
    }
  }
}
