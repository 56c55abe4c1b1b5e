import {
  type Channel,
  isSameRealm,
  parseChannelKey,
  type Realm,
  wireName,
} from '@trunkline/contract';
import type { PresenceChange, Publication, StreamPosition } from './broker/broker.ts';
import { type Disconnect, disconnects, LimitExceededError } from './errors.ts';
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
  /** Takes one publication, encoded for all who want it in the same form. Must not throw and must not wait. */
  deliver(publication: Publication, epoch: string, push: PublicationPush): void;
  /** The stream has come to there: what it has not been given by now it will not be. */
  lose(top: StreamPosition): void;
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
  /** Its tenant has as many rooms as it may have. */
  readonly onRoomRefused: (subscriber: Subscriber, room: string) => void;
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

  /** Throws a `LimitExceededError` for a room that would be one more than its tenant may have. */
  add(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel) ?? this.#open(channel, subscriber);
    if (entry.add(subscriber)) this.#subscriptions += 1;
  }

  remove(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel);
    if (!entry?.remove(subscriber)) return;
    this.#subscriptions -= 1;
    if (!entry.isEmpty) return;
    this.#entries.delete(channel);
    if (entry.isRoom) this.#options.tenantOf(entry.realm).rooms -= 1;
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
    // Without a place in the stream it is missed by nobody who could recover it.
    const isOptional = publication.offset === 0;
    const isAdded = this.#add(entry, { bytes: push.plain.bytes, isOptional, hand });
    if (!isAdded && !isOptional) this.#lose(entry, { epoch, offset: publication.offset });
  }

  /** Tells the channel's local subscribers that they cannot be given what is missing up to there. */
  lose(channel: string, top: StreamPosition): void {
    const entry = this.#entries.get(channel);
    if (entry) this.#lose(entry, top);
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
    this.#add(entry, { bytes: push.lineIn(PLAIN).bytes, isOptional: true, hand });
  }

  #open(channel: string, subscriber: Subscriber): Entry {
    const entry = new Entry(channel, (this.#numbers += 1));
    if (entry.isRoom) this.#takeRoom(entry, subscriber);
    this.#entries.set(channel, entry);
    return entry;
  }

  #takeRoom({ realm, wireName: room }: Entry, subscriber: Subscriber): void {
    const tenant = this.#options.tenantOf(realm);
    const { maxRoomsPerTenant } = tenant.limits;
    if (tenant.rooms >= maxRoomsPerTenant) {
      this.#options.onRoomRefused(subscriber, room);
      throw new LimitExceededError('maxRoomsPerTenant', maxRoomsPerTenant);
    }
    tenant.rooms += 1;
  }

  #add(entry: Entry, what: Handing): boolean {
    const { fanOut, tenantOf } = this.#options;
    const delivery = new ChannelDelivery(this.#options, entry, what);
    return fanOut.add(tenantOf(entry.realm), entry.list, delivery);
  }

  // A publication without room is no silent gap: as soon as there is room, everybody who listens by
  // then is told that it exists. One word is enough for all that were lost in a row: whoever has read
  // the channel's history since then knows of the last one, and passes it over.
  #lose(entry: Entry, top: StreamPosition): void {
    const isQueued = entry.lost !== null;
    entry.lost = top;
    if (isQueued) return;
    const { fanOut, tenantOf } = this.#options;
    fanOut.addLater(tenantOf(entry.realm), () => {
      const lost = entry.lost ?? top;
      entry.lost = null;
      const hand = (subscriber: Subscriber) => subscriber.lose(lost);
      const what = { bytes: 0, isOptional: false, hand };
      const delivery = new ChannelDelivery(this.#options, entry, what);
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
  readonly isRoom: boolean;
  /** Where the stream stood at the last publication that was lost: its subscribers must hear of it. */
  lost: StreamPosition | null = null;
  readonly #subscribers = new SmallSet<Subscriber>();

  constructor(key: string, number: number) {
    const { realm, target } = parsed(key);
    this.key = key;
    this.number = number;
    this.realm = realm;
    this.isRoom = target.kind === 'room';
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

/** What is done for each subscriber, and what it costs. */
interface Handing extends Pick<Delivery<Subscriber>, 'bytes' | 'isOptional'> {
  readonly hand: (subscriber: Subscriber) => void;
}

/** Hands one thing to the subscribers of a channel, each behind the wall's second check. */
class ChannelDelivery implements Delivery<Subscriber> {
  readonly bytes: number;
  readonly isOptional: boolean;
  readonly #options: HubOptions;
  readonly #entry: Entry;
  readonly #hand: (subscriber: Subscriber) => void;

  constructor(options: HubOptions, entry: Entry, { bytes, isOptional, hand }: Handing) {
    this.#options = options;
    this.#entry = entry;
    this.bytes = bytes;
    this.isOptional = isOptional;
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
