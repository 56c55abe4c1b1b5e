import {
  type Channel,
  isSameRealm,
  parseChannelKey,
  type Realm,
  wireName,
} from '@trunkline/contract';
import type { PresenceChange, Publication } from './broker/broker.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Delivery, FanOut } from './fan-out.ts';
import type { Principal } from './principal.ts';
import { PLAIN, PresenceChangePush, PublicationPush } from './protocol/push.ts';
import type { ChannelNames } from './protocol/reply.ts';
import { SmallSet } from './small-set.ts';
import type { Tenant } from './tenants.ts';

/** One session in one channel, as much of it as the hub needs. */
export interface Subscriber {
  /** The client id, for logs. */
  readonly id: string;
  readonly principal: Principal;
  /**
   * Takes one publication, encoded for all who want it in the same form; `null`: it exists, but cannot
   * be delivered. Must not throw and must not wait.
   */
  deliver(publication: Publication, epoch: string, push: PublicationPush | null): void;
  /** Takes word of somebody who came or went, encoded likewise. */
  deliverPresenceChange(push: PresenceChangePush): void;
  /** Ends the whole connection. */
  close(disconnect: Disconnect): void;
}

/** What a hub works with. */
export interface HubOptions {
  readonly fanOut: FanOut<Subscriber>;
  readonly tenantOf: (realm: Realm) => Tenant;
  readonly onDelivered: () => void;
  readonly onPresenceDropped: () => void;
  readonly onIsolationViolation: (subscriber: Subscriber, channel: string) => void;
}

/** A node's index of its subscriptions: who listens to which channel. */
export class Hub {
  readonly #options: HubOptions;
  readonly #entries = new Map<string, Entry>();
  #subscriptions = 0;
  /** The number of the last channel that got one. */
  #numbers = 0;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Local subscribers, counted once in each channel. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** Channels with at least one local subscriber. */
  get channels(): number {
    return this.#entries.size;
  }

  has(channel: string): boolean {
    return this.#entries.has(channel);
  }

  /** What stands for a channel's name in compact pushes, as long as it has a local subscriber. */
  numberOf(channel: string): number | undefined {
    return this.#entries.get(channel)?.number;
  }

  add(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel) ?? new Entry(channel, (this.#numbers += 1));
    this.#entries.set(channel, entry);
    if (entry.add(subscriber)) this.#subscriptions += 1;
  }

  remove(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel);
    if (!entry?.remove(subscriber)) return;
    this.#subscriptions -= 1;
    if (entry.isEmpty) this.#entries.delete(channel);
  }

  /** Delivers a publication to the channel's local subscribers: encoded once, the same line to all. */
  fanOut(channel: string, publication: Publication, epoch: string): void {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    const push = new PublicationPush(
      entry,
      publication,
      this.#options.tenantOf(entry.realm).deltas,
    );
    const hand = (subscriber: Subscriber) => {
      this.#options.onDelivered();
      subscriber.deliver(publication, epoch, push);
    };
    if (!this.#add(entry, push.plain.bytes, hand)) this.#lose(entry, publication, epoch);
  }

  /** Tells the channel's local subscribers who came or went. */
  fanOutPresenceChange(channel: string, change: PresenceChange): void {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    // Nobody recovers it: it is the first that a busy tenant goes without.
    if (this.#options.fanOut.isResting(this.#options.tenantOf(entry.realm))) {
      this.#options.onPresenceDropped();
      return;
    }
    const push = new PresenceChangePush(entry, change);
    const hand = (subscriber: Subscriber) => subscriber.deliverPresenceChange(push);
    this.#add(entry, push.lineIn(PLAIN).bytes, hand);
  }

  #add(entry: Entry, bytes: number, hand: (subscriber: Subscriber) => void): boolean {
    const { fanOut, tenantOf } = this.#options;
    const delivery = new ChannelDelivery(this.#options, entry, { bytes, hand });
    return fanOut.add(tenantOf(entry.realm), entry.list, delivery);
  }

  // A publication without room is no silent gap: as soon as there is room, everybody who listens by
  // then is told that it exists. One word is enough for all that were lost in a row: whoever has read
  // the channel's history since then knows of the last one, and passes it over.
  #lose(entry: Entry, publication: Publication, epoch: string): void {
    const isQueued = entry.lost !== null;
    entry.lost = { publication, epoch };
    if (isQueued) return;
    const { fanOut, tenantOf } = this.#options;
    fanOut.addLater(tenantOf(entry.realm), () => {
      const lost = entry.lost ?? { publication, epoch };
      entry.lost = null;
      const hand = (subscriber: Subscriber) =>
        subscriber.deliver(lost.publication, lost.epoch, null);
      const delivery = new ChannelDelivery(this.#options, entry, { bytes: 0, hand });
      return { subscribers: entry.list, delivery };
    });
  }
}

/** One channel with local subscribers. */
class Entry implements ChannelNames {
  readonly key: string;
  readonly wireName: string;
  readonly number: number;
  readonly realm: Realm;
  /** The last publication that found no room: its subscribers must hear that they miss it. */
  lost: { readonly publication: Publication; readonly epoch: string } | null = null;
  readonly #subscribers = new SmallSet<Subscriber>();

  constructor(key: string, number: number) {
    const { realm, target } = parsed(key);
    this.key = key;
    this.number = number;
    this.realm = realm;
    this.wireName = wireName(target);
  }

  get isEmpty(): boolean {
    return this.#subscribers.size === 0;
  }

  /** The subscribers at this moment: a delivery in slices goes to who was there when it came. */
  get list(): readonly Subscriber[] {
    return this.#subscribers.list;
  }

  add(subscriber: Subscriber): boolean {
    return this.#subscribers.add(subscriber);
  }

  remove(subscriber: Subscriber): boolean {
    return this.#subscribers.delete(subscriber);
  }
}

/** Hands one thing to the subscribers of a channel, each behind the wall's second check. */
class ChannelDelivery implements Delivery<Subscriber> {
  readonly bytes: number;
  readonly #options: HubOptions;
  readonly #entry: Entry;
  readonly #hand: (subscriber: Subscriber) => void;

  constructor(
    options: HubOptions,
    entry: Entry,
    { bytes, hand }: { bytes: number; hand: (subscriber: Subscriber) => void },
  ) {
    this.#options = options;
    this.#entry = entry;
    this.bytes = bytes;
    this.#hand = hand;
  }

  // The check must never trip; when it does, nothing is delivered.
  deliver(subscriber: Subscriber): void {
    if (isSameRealm(subscriber.principal.realm, this.#entry.realm)) {
      this.#hand(subscriber);
      return;
    }
    this.#options.onIsolationViolation(subscriber, this.#entry.key);
    subscriber.close(disconnects.internal);
  }
}

function parsed(key: string): Channel {
  const channel = parseChannelKey(key);
  if (!channel) throw new TypeError(`Not a channel key: ${JSON.stringify(key)}`);
  return channel;
}
