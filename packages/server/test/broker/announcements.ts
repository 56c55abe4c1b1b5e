import type { BrokerListener, ClientInfo, PresenceChange, Publication } from '@trunkline/server';

/** One publication as it was announced. */
export interface Announced extends Publication {
  readonly channel: string;
  readonly epoch: string;
}

/** A node's ear: what a broker announces, with a way to wait for it. */
export class Announcements implements BrokerListener {
  readonly all: Announced[] = [];
  readonly changes: { channel: string; change: PresenceChange }[] = [];
  resumed = 0;
  #onNext = Promise.withResolvers<void>();

  onPublication = (channel: string, publication: Publication, epoch: string): void => {
    this.all.push({ channel, ...publication, epoch });
    this.#next();
  };

  onPresenceChange = (channel: string, change: PresenceChange): void => {
    this.changes.push({ channel, change });
    this.#next();
  };

  onResumed = (): void => {
    this.resumed += 1;
    this.#next();
  };

  data(channel: string): string[] {
    return this.all.filter((item) => item.channel === channel).map(({ data }) => data);
  }

  /** What was announced of a channel, as soon as it is so many. */
  async of(channel: string, count: number): Promise<string[]> {
    await this.until(() => this.data(channel).length >= count);
    return this.data(channel);
  }

  /** Resolves when that is so; looked at whenever something is announced. */
  async until(isSo: () => boolean): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- one announcement after the other
    while (!isSo()) await this.#onNext.promise;
  }

  #next(): void {
    this.#onNext.resolve();
    this.#onNext = Promise.withResolvers();
  }
}

/** Somebody in a channel. */
export function client(id: string, more: Partial<ClientInfo> = {}): ClientInfo {
  return { user: `user of ${id}`, client: id, since: 1_000, ...more };
}
