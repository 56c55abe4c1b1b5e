import type { Centrifuge, JoinContext, PublicationContext, SubscribedContext } from 'centrifuge';

/** A publication of a subscription, whoever made that. */
export interface Publication {
  readonly channel: string;
  readonly data: unknown;
  /** A client published it, not the server. */
  readonly isFromClient: boolean;
  /** It was missed and came by recovery. */
  readonly replayed: boolean;
}

/** Somebody has come to a channel, or left it. */
export interface PresenceChange {
  readonly channel: string;
  readonly isHere: boolean;
  readonly clientId: string;
  readonly userId: string;
  /** What the principal lets others see. */
  readonly info: unknown;
}

/** How a subscription begins. */
export interface Entrance {
  /** The channel keeps a history, so that this subscription has a place in it. */
  readonly isPositioned: boolean;
  /** Everything since the place before has been delivered, or is about to be. */
  readonly isRecovered: boolean;
}

/** What becomes of the wish to enter a room. */
export interface RoomListener {
  onSubscribed(entrance: Entrance): void;
  /** Not in the room now: the connection is away, or the server wants the client to ask again. */
  onSubscribing(): void;
  /** Refused, or ended by the server. */
  onUnsubscribed(code: number, reason: string): void;
}

/** What a connection does with the news of a client-side subscription. */
export interface SubscriptionHost {
  onPublication(publication: Publication): void;
  onPresenceChange(change: PresenceChange): void;
  /** Runs it unless the connection has ended; never throws. */
  run(react: () => void): void;
}

/** Asks to enter a room; returns how to leave it, from where on nothing of it is told any more. */
export function openSubscription(
  centrifuge: Centrifuge,
  room: string,
  listener: RoomListener,
  host: SubscriptionHost,
): () => void {
  const subscription = centrifuge.newSubscription(room, { joinLeave: true });
  let hasLeft = false;
  let isReplaying = false;
  const run = (react: () => void) => {
    if (!hasLeft) host.run(react);
  };
  const onSubscribed = (context: SubscribedContext) => {
    // centrifuge hands over what was recovered right after this, in one go
    isReplaying = true;
    queueMicrotask(() => {
      isReplaying = false;
    });
    listener.onSubscribed(toEntrance(context));
  };
  const onPublication = ({ channel, data, info }: PublicationContext) => {
    const isFromClient = info !== undefined;
    host.onPublication({ channel, data, isFromClient, replayed: isReplaying });
  };
  const onPresence = (context: JoinContext, isHere: boolean) =>
    host.onPresenceChange(toPresenceChange(context, isHere));
  subscription
    .on('subscribing', () => run(() => listener.onSubscribing()))
    .on('subscribed', (context) => run(() => onSubscribed(context)))
    .on('unsubscribed', ({ code, reason }) => run(() => listener.onUnsubscribed(code, reason)))
    .on('publication', (context) => run(() => onPublication(context)))
    .on('join', (context) => run(() => onPresence(context, true)))
    .on('leave', (context) => run(() => onPresence(context, false)));
  subscription.subscribe();
  return () => {
    hasLeft = true;
    centrifuge.removeSubscription(subscription);
  };
}

/** What centrifuge tells of a subscription that begins. */
export function toEntrance(context: {
  readonly streamPosition?: unknown;
  readonly recovered: boolean;
}): Entrance {
  return {
    isPositioned: context.streamPosition !== undefined,
    isRecovered: context.recovered,
  };
}

/** What centrifuge tells of one who comes or goes. */
export function toPresenceChange(context: JoinContext, isHere: boolean): PresenceChange {
  const { channel, info } = context;
  return { channel, isHere, clientId: info.client, userId: info.user, info: info.connInfo };
}
