import { type Disconnect, disconnects, type Unsubscribed, unsubscribed } from './errors.ts';
import type { Node } from './node.ts';
import type { Outbox } from './outbox.ts';
import type { Line } from './protocol/line.ts';
import { unsubscribePush } from './protocol/reply.ts';
import type { Subscription } from './subscription.ts';

/** The session that they belong to, as much of it as they need. */
export interface SubscriptionsOwner {
  readonly id: string;
  readonly node: Node;
  readonly outbox: Pick<Outbox, 'purge'>;
  write(line: Line): void;
  close(disconnect: Disconnect): void;
}

const NONE: readonly Subscription[] = [];

/** One session's subscriptions: at most one for each channel. */
export class Subscriptions {
  readonly #session: SubscriptionsOwner;
  /** A list: most clients have a handful, and the limit is on a list's side. */
  #all: readonly Subscription[] = NONE;
  #isClosed = false;

  constructor(session: SubscriptionsOwner) {
    this.#session = session;
  }

  /** Those that the server made. */
  get serverSide(): Subscription[] {
    return this.#all.filter(({ isServerSide }) => isServerSide);
  }

  /** Those that the client asked for. */
  get clientSide(): Subscription[] {
    return this.#all.filter(({ isServerSide }) => !isServerSide);
  }

  /** May there be so many more? */
  hasSpaceFor(count: number): boolean {
    const { node, id } = this.#session;
    if (this.#all.length + count <= node.limits.maxSubscriptions) return true;
    node.exceeded('maxSubscriptions', { client: id });
    return false;
  }

  get(wireName: string): Subscription | undefined {
    return this.#all.find((subscription) => subscription.wireName === wireName);
  }

  /** Throws when the session was closed meanwhile: nobody would take the subscription back. */
  add(subscription: Subscription): void {
    if (this.#isClosed) throw disconnects.connectionClosed;
    this.#all = [...this.#all, subscription];
  }

  /** Leaves its channel, without a word to the client. */
  remove(subscription: Subscription): void {
    this.#leave(subscription);
    this.#all = this.#all.filter((other) => other !== subscription);
  }

  /** Leaves its channel, and tells the client why; nothing of the channel that still waits is sent. */
  end(subscription: Subscription, reason: Unsubscribed): void {
    const { wireName } = subscription;
    this.remove(subscription);
    this.#session.outbox.purge((channel) => channel === wireName);
    this.#session.write(unsubscribePush(wireName, reason));
  }

  /** The server ends the one in this room, if it is meant. */
  endRoom(room: string, isMeant: (subscription: Subscription) => boolean): void {
    const subscription = this.get(room);
    if (subscription && isMeant(subscription)) this.end(subscription, unsubscribed.server);
  }

  /** One has lost its place in the stream: its client is sent to recover. */
  onInsufficientState(subscription: Subscription): void {
    this.#session.node.counters.count('insufficientStates');
    if (subscription.isServerSide) this.#session.close(disconnects.insufficientState);
    else this.end(subscription, unsubscribed.insufficientState);
  }

  /** One has outlived its token: its client is sent to come with a new one. */
  onExpired(subscription: Subscription): void {
    if (subscription.isServerSide) this.#session.close(disconnects.subscriptionExpired);
    else this.end(subscription, unsubscribed.expired);
  }

  /** Leaves every channel and takes no more. */
  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#all) this.#leave(subscription);
    this.#all = NONE;
  }

  #leave(subscription: Subscription): void {
    const { node } = this.#session;
    subscription.end();
    node.unsubscribe(subscription.channel, subscription);
    node.presences.left(subscription);
  }
}
