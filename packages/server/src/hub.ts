import {
  type Channel,
  isSameRealm,
  parseChannelKey,
  type Realm,
  wireName,
} from '@trunkline/contract';
import type { PresenceChange, Publication } from './broker/broker.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { FanOut } from './fan-out.ts';
import type { Principal } from './principal.ts';
import type { Line } from './protocol/line.ts';
import { presenceChangePush, publicationPush } from './protocol/reply.ts';
import type { Tenant } from './tenants.ts';

/** One session in one channel, as much of it as the hub needs. */
export interface Subscriber {
  /** The client id, for logs. */
  readonly id: string;
  readonly principal: Principal;
  /**
   * Takes one publication, already encoded; `null`: it exists, but cannot be delivered. Must not
   * throw and must not wait.
   */
  deliver(publication: Publication, epoch: string, push: Line | null): void;
  /** Takes word of somebody who came or went, already encoded. */
  deliverPresenceChange(push: Line): void;
  /** Ends the whole connection. */
  close(disconnect: Disconnect): void;
}

/** What a hub works with. */
export interface HubOptions {
  readonly fanOut: FanOut<Subscriber>;
  tenantOf(realm: Realm): Tenant;
  onDelivered(): void;
  onPresenceDropped(): void;
  onIsolationViolation(subscriber: Subscriber, channel: string): void;
}

interface Entry {
  readonly channel: Channel;
  readonly wireName: string;
  readonly subscribers: Set<Subscriber>;
  /** The subscribers at one moment: a delivery in slices goes to who was there when it came. */
  list: readonly Subscriber[] | null;
  /** The last publication that found no room: its subscribers must hear that they miss it. */
  lost: { publication: Publication; epoch: string } | null;
}

/** A node's index of its subscriptions: who listens to which channel. */
export class Hub {
  readonly #options: HubOptions;
  readonly #entries = new Map<string, Entry>();
  #subscriptions = 0;

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

  add(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel) ?? newEntry(channel);
    this.#entries.set(channel, entry);
    if (!entry.subscribers.has(subscriber)) this.#subscriptions += 1;
    entry.subscribers.add(subscriber);
    entry.list = null;
  }

  remove(channel: string, subscriber: Subscriber): void {
    const entry = this.#entries.get(channel);
    if (!entry?.subscribers.delete(subscriber)) return;
    this.#subscriptions -= 1;
    entry.list = null;
    if (entry.subscribers.size === 0) this.#entries.delete(channel);
  }

  /** Delivers a publication to the channel's local subscribers: encoded once, the same line to all. */
  fanOut(channel: string, publication: Publication, epoch: string): void {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    const push = publicationPush(entry.wireName, publication);
    const isTaken = this.#add(channel, entry, push.bytes, (subscriber) => {
      this.#options.onDelivered();
      subscriber.deliver(publication, epoch, push);
    });
    if (!isTaken) this.#lose(channel, entry, publication, epoch);
  }

  /** Tells the channel's local subscribers who came or went. */
  fanOutPresenceChange(channel: string, change: PresenceChange): void {
    const entry = this.#entries.get(channel);
    if (!entry) return;
    // Nobody recovers it: it is the first that a busy tenant goes without.
    if (this.#options.fanOut.isResting(this.#options.tenantOf(entry.channel.realm))) {
      this.#options.onPresenceDropped();
      return;
    }
    const push = presenceChangePush(entry.wireName, change);
    this.#add(channel, entry, push.bytes, (subscriber) => subscriber.deliverPresenceChange(push));
  }

  #add(channel: string, entry: Entry, bytes: number, deliver: (to: Subscriber) => void): boolean {
    const { realm } = entry.channel;
    const list = (entry.list ??= [...entry.subscribers]);
    return this.#options.fanOut.add(this.#options.tenantOf(realm), {
      subscribers: () => list,
      bytes,
      deliver: (subscriber) => {
        if (isSameRealm(subscriber.principal.realm, realm)) deliver(subscriber);
        else this.#violated(channel, subscriber);
      },
    });
  }

  // A publication without room is no silent gap: as soon as there is room, everybody who listens by
  // then is told that it exists. One word is enough for all that were lost in a row: whoever has read
  // the channel's history since then knows of the last one, and passes it over.
  #lose(channel: string, entry: Entry, publication: Publication, epoch: string): void {
    const isQueued = entry.lost !== null;
    entry.lost = { publication, epoch };
    if (isQueued) return;
    let lost = entry.lost;
    this.#options.fanOut.addLater(this.#options.tenantOf(entry.channel.realm), {
      bytes: 0,
      subscribers: () => {
        lost = entry.lost ?? lost;
        entry.lost = null;
        return [...entry.subscribers];
      },
      deliver: (subscriber) => subscriber.deliver(lost.publication, lost.epoch, null),
    });
  }

  // The wall's second check. It must never trip; when it does, nothing is delivered.
  #violated(channel: string, subscriber: Subscriber): void {
    this.#options.onIsolationViolation(subscriber, channel);
    subscriber.close(disconnects.internal);
  }
}

function newEntry(key: string): Entry {
  const channel = parseChannelKey(key);
  if (!channel) throw new TypeError(`Not a channel key: ${JSON.stringify(key)}`);
  return {
    channel,
    wireName: wireName(channel.target),
    subscribers: new Set(),
    list: null,
    lost: null,
  };
}
