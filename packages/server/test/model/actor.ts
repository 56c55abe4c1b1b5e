import { channelKey, type Target } from '@trunkline/contract';
import {
  Centrifuge,
  type PublicationContext,
  State,
  type SubscribedContext,
  type Subscription,
  SubscriptionState,
} from 'centrifuge';
import {
  type Payload,
  type PublisherLedger,
  payloadOf,
  type Reader,
  SubscriberLedger,
} from './ledger.ts';
import type { FoundActor, FoundRoom } from './model.ts';
import { channelOf, type Person } from './scenario.ts';

/** A room that a client asked for. */
interface Room {
  readonly subscription: Subscription;
  readonly ledger: SubscriberLedger;
  code: number | null;
}

/** What an actor is made from. */
interface ActorInit {
  readonly index: number;
  readonly person: Person;
  /** The WebSocket constructor of its client. */
  readonly websocket: unknown;
  readonly getToken: () => Promise<string>;
  readonly publishers: PublisherLedger;
  /** Does it have deltas where the room's rule allows them? */
  readonly wantsDeltas: boolean;
}

/** Someone at a stock client, with everything that they are told put down in ledgers. */
export class Actor {
  readonly index: number;
  readonly person: Person;
  readonly url: string;
  readonly client: Centrifuge;
  readonly #publishers: PublisherLedger;
  readonly #wantsDeltas: boolean;
  readonly #rooms = new Map<string, Room>();
  readonly #serverSide = new Map<string, SubscriberLedger>();
  readonly #subscribed = new Set<string>();
  /** The id of its connection, or of its last one. */
  clientId = '';

  constructor({ index, person, websocket, getToken, publishers, wantsDeltas }: ActorInit) {
    this.#wantsDeltas = wantsDeltas;
    this.#publishers = publishers;
    this.index = index;
    this.person = person;
    this.url = `memory://model/${index}`;
    this.client = new Centrifuge(this.url, {
      websocket,
      getToken,
      minReconnectDelay: 5,
      maxReconnectDelay: 60,
      maxServerPingDelay: 1_000,
    });
    this.client.on('connected', ({ client }) => {
      this.clientId = client;
    });
    this.client.on('subscribed', (context) => this.#onSubscribed(context));
    this.client.on('subscribing', ({ channel }) => this.#subscribed.delete(channel));
    this.client.on('unsubscribed', ({ channel }) => this.#onUnsubscribed(channel));
    this.client.on('publication', (context) => note(this.#ledgerOf(context.channel), context));
  }

  /** What it is called in the histories. */
  get name(): { client: string; tenantId: string } {
    const { tenantId, userId } = this.person;
    return { client: `actor ${this.index} (${userId})`, tenantId };
  }

  /** Its subscription to a room, made when it is first asked for. */
  room(name: string): Subscription {
    const known = this.#rooms.get(name);
    if (known) return known.subscription;
    const delta = this.#wantsDeltas ? ({ delta: 'fossil' } as const) : {};
    const options = { minResubscribeDelay: 5, maxResubscribeDelay: 60, ...delta };
    const subscription = this.client.newSubscription(name, options);
    const room: Room = { subscription, ledger: new SubscriberLedger(), code: null };
    subscription.on('subscribed', (context) => this.#begin(room.ledger, context));
    subscription.on('publication', (context) => note(room.ledger, context));
    subscription.on('unsubscribed', ({ code }) => {
      room.code = code;
    });
    this.#rooms.set(name, room);
    return subscription;
  }

  /** Publishes to a room that it is in, without waiting for what becomes of it. */
  say(room: string, bytes: number): void {
    const subscription = this.#rooms.get(room)?.subscription;
    if (subscription?.state !== SubscriptionState.Subscribed) return;
    const { tenantId } = this.person;
    const channel = channelKey(channelOf(tenantId, { kind: 'room', room }));
    const call = this.#publishers.call({ channel, tenantId });
    subscription.publish(payloadOf(call, bytes)).then(
      () => call.settle('accepted'),
      ({ code }) => call.settle(isRefusal(code) ? 'rejected' : 'unknown'),
    );
  }

  found(): FoundActor {
    const rooms = [...this.#rooms].map(([name, { subscription, ledger, code }]) => {
      const room: FoundRoom = { state: subscription.state, wasIn: ledger.told.length > 0, code };
      return [name, room] as const;
    });
    return {
      state: this.client.state,
      serverSide: [...this.#subscribed],
      rooms: Object.fromEntries(rooms),
    };
  }

  readers(): Reader[] {
    const { tenantId } = this.person;
    const isConnected = this.client.state === State.Connected;
    const reader = (wireName: string, ledger: SubscriberLedger, isLive: boolean): Reader => ({
      ...this.name,
      channel: channelKey(channelOf(tenantId, this.#target(wireName))),
      told: ledger.told,
      isLive: isConnected && isLive,
    });
    return [
      ...[...this.#serverSide].map(([name, ledger]) =>
        reader(name, ledger, this.#subscribed.has(name)),
      ),
      // A refused one has nothing to tell, and its name need not be a channel's.
      ...[...this.#rooms]
        .filter(([, { ledger }]) => ledger.told.length > 0)
        .map(([name, { ledger, subscription }]) =>
          reader(name, ledger, subscription.state === SubscriptionState.Subscribed),
        ),
    ];
  }

  #target(wireName: string): Target {
    if (wireName === '@user') return { kind: 'user', userId: this.person.userId };
    if (wireName === '@all') return { kind: 'all' };
    if (wireName.startsWith('@role:')) return { kind: 'role', role: wireName.slice(6) };
    return { kind: 'room', room: wireName };
  }

  #ledgerOf(wireName: string): SubscriberLedger {
    const ledger = this.#serverSide.get(wireName) ?? new SubscriberLedger();
    this.#serverSide.set(wireName, ledger);
    return ledger;
  }

  #onSubscribed(context: SubscribedContext): void {
    this.#subscribed.add(context.channel);
    this.#begin(this.#ledgerOf(context.channel), context);
  }

  #begin(ledger: SubscriberLedger, context: SubscribedContext): void {
    const { streamPosition: position = null, wasRecovering, recovered } = context;
    const callsBefore = this.#publishers.calls;
    ledger.subscribed({ position, wasRecovering, recovered, callsBefore });
  }

  #onUnsubscribed(wireName: string): void {
    this.#subscribed.delete(wireName);
    this.#ledgerOf(wireName).ended();
  }
}

function note(ledger: SubscriberLedger, { data, offset = 0 }: PublicationContext): void {
  ledger.delivered(data as Payload, offset);
}

/** Was it certainly not published? Code 100 may come after it was; below 100 the client itself speaks. */
function isRefusal(code: number): boolean {
  return code > 100;
}
