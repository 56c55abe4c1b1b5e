import {
  type Broker,
  type BrokerListener,
  BrokerUnavailableError,
  type ClientInfo,
  type History,
  type PresenceChange,
  type PublishOptions,
  PublishTimeoutError,
  type StreamPosition,
} from '@trunkline/server';
import type { Fault } from './scenario.ts';

/**
 * A broker in which something goes wrong when it is told to, once each time, within what the
 * contract of brokers allows. Of a channel without history no announcement is lost: nobody could
 * find out.
 */
export class FaultyBroker implements Broker {
  readonly isShared: boolean;
  readonly #inner: Broker;
  readonly #due = new Set<Fault>();
  /** Has it ever kept an announcement to itself? */
  hasLost = false;

  constructor(inner: Broker, isShared: boolean) {
    this.#inner = inner;
    this.isShared = isShared;
  }

  /** The next call that this can happen to, it happens to. */
  cause(fault: Fault): void {
    this.#due.add(fault);
  }

  /** From here on all goes well. */
  calm(): void {
    this.#due.clear();
  }

  async start(listener: BrokerListener): Promise<void> {
    await this.#inner.start({
      ...listener,
      onPublication: (channel, publication, epoch) => {
        if (publication.offset > 0 && this.#due.delete('lose')) this.hasLost = true;
        else listener.onPublication(channel, publication, epoch);
      },
    });
  }

  async publish(channel: string, data: string, options: PublishOptions): Promise<StreamPosition> {
    if (this.#due.delete('refuse')) throw new BrokerUnavailableError('refused');
    if (this.#due.delete('drop unanswered')) throw new PublishTimeoutError('dropped');
    const isUnanswered = this.#due.delete('store unanswered');
    const position = await this.#inner.publish(channel, data, options);
    if (isUnanswered) throw new PublishTimeoutError('stored');
    return position;
  }

  async subscribe(channel: string): Promise<void> {
    this.#breakWhenDue();
    await this.#inner.subscribe(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#inner.unsubscribe(channel);
  }

  async history(channel: string, afterOffset: number | null): Promise<History> {
    this.#breakWhenDue();
    return await this.#inner.history(channel, afterOffset);
  }

  async tops(channels: readonly string[]): Promise<readonly (StreamPosition | null)[]> {
    this.#breakWhenDue();
    return await this.#inner.tops(channels);
  }

  async broadcast(channel: string, change: PresenceChange): Promise<void> {
    await this.#inner.broadcast(channel, change);
  }

  async addPresence(channel: string, info: ClientInfo, ttlMs: number): Promise<void> {
    await this.#inner.addPresence(channel, info, ttlMs);
  }

  async removePresence(channel: string, clientId: string): Promise<void> {
    await this.#inner.removePresence(channel, clientId);
  }

  async presence(channel: string): Promise<readonly ClientInfo[]> {
    return await this.#inner.presence(channel);
  }

  async addJoin(user: string, room: string): Promise<void> {
    await this.#inner.addJoin(user, room);
  }

  async removeJoin(user: string, room: string): Promise<void> {
    await this.#inner.removeJoin(user, room);
  }

  async joins(user: string): Promise<readonly string[]> {
    return await this.#inner.joins(user);
  }

  async revoke(subject: string, at: number, ttlMs: number): Promise<void> {
    await this.#inner.revoke(subject, at, ttlMs);
  }

  async revokedAt(subjects: readonly string[]): Promise<number | null> {
    return await this.#inner.revokedAt(subjects);
  }

  async stop(): Promise<void> {
    await this.#inner.stop();
  }

  #breakWhenDue(): void {
    if (this.#due.delete('break')) throw new BrokerUnavailableError('broken');
  }
}
