import { type BrokerListener, type History, MemoryBroker } from '@trunkline/server';

/** A memory broker that loses announcements on demand. */
export class LossyBroker extends MemoryBroker {
  /** How many of the next announcements to lose. */
  lose = 0;

  override async start(listener: BrokerListener): Promise<void> {
    await super.start({
      ...listener,
      onPublication: (...announced) => {
        if (this.lose > 0) this.lose -= 1;
        else listener.onPublication(...announced);
      },
    });
  }
}

/** A memory broker whose history, once read, is on its way until it is released. */
export class HeldHistoryBroker extends MemoryBroker {
  readonly #asked = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  readonly asked: Promise<void> = this.#asked.promise;
  release = (): void => this.#released.resolve();

  override async history(channel: string, afterOffset: number | null): Promise<History> {
    const history = await super.history(channel, afterOffset);
    this.#asked.resolve();
    await this.#released.promise;
    return history;
  }
}
