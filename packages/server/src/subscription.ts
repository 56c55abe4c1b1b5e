import type { ClientInfo, Publication, StreamPosition } from './broker/broker.ts';
import type { Disconnect } from './errors.ts';
import { Expiry } from './expiry.ts';
import type { Subscriber } from './hub.ts';
import type { Present } from './presences.ts';
import type { Principal } from './principal.ts';
import { infoText } from './protocol/client-info.ts';
import type { Line } from './protocol/line.ts';
import {
  PLAIN,
  type PresenceChangePush,
  type PublicationPush,
  type PushForm,
} from './protocol/push.ts';
import type { Credentials, RoomRule } from './rooms.ts';

/** The session that a subscription belongs to, as much of it as the subscription needs. */
export interface SubscriptionOwner {
  readonly id: string;
  write(line: Line): void;
  /** Counts bytes that wait behind a gate; a negative number gives them back. */
  hold(bytes: number): void;
  /** Is there space for so many bytes of what may as well be left out? */
  hasSpaceFor(bytes: number): boolean;
  close(disconnect: Disconnect): void;
  /** Called when the subscription's place in the stream is lost: what came cannot follow. */
  onInsufficientState(subscription: Subscription): void;
  onSubscriptionExpired(subscription: Subscription): void;
}

/** How a client wishes to be subscribed, as far as the room's rule grants it. */
export interface SubscriptionWish {
  /** Does it want to hear of those who come and go? */
  readonly hearsPresence: boolean;
  /** What the rule that let it in lets others see of it: JSON text. */
  readonly chanInfo: string | undefined;
  /** What it came with: the rule is asked with it again. */
  readonly credentials: Credentials;
  readonly form: PushForm;
}

/** What is fixed about a subscription from the start. */
export interface SubscriptionInit {
  readonly channel: string;
  readonly wireName: string;
  readonly owner: SubscriptionOwner;
  readonly principal: Principal;
  /** The rule of the room that it is in; absent for other channels, and rooms without one. */
  readonly rule: RoomRule | undefined;
  /** Absent: the server made it, which hears who comes and goes wherever that is told. */
  readonly wish: SubscriptionWish | undefined;
}

interface Held {
  readonly publication: Publication;
  readonly epoch: string;
  readonly push: PublicationPush;
}

/** What came while the gate was closed. */
interface Gate {
  readonly held: (Held | StreamPosition)[];
  bytes: number;
}

/**
 * One session in one channel. Begins behind a closed gate that holds live publications, so that
 * history can be read and the reply written first; from then on every publication must follow the
 * one before (protocol, section 11.2).
 */
export class Subscription implements Subscriber, Present {
  readonly channel: string;
  readonly wireName: string;
  readonly principal: Principal;
  readonly #owner: SubscriptionOwner;
  readonly #rule: RoomRule | undefined;
  readonly #wish: SubscriptionWish | undefined;
  #token: string | undefined;
  /** When it was made, milliseconds since 1970. */
  readonly #since = Date.now();
  #expiry: Expiry | null = null;
  /** `null`: open. */
  #gate: Gate | null = { held: [], bytes: 0 };
  /** Where it stands in the stream; `null`: the channel has none. */
  #epoch: string | null = null;
  #offset = 0;
  /** The payload that the next delta may build on: the last one sent; `null`: none. */
  #base: string | null = null;
  #hasEnded = false;

  constructor({ channel, wireName, owner, principal, rule, wish }: SubscriptionInit) {
    this.channel = channel;
    this.wireName = wireName;
    this.principal = principal;
    this.#owner = owner;
    this.#rule = rule;
    this.#wish = wish;
  }

  get id(): string {
    return this.#owner.id;
  }

  /** Was it made by the server? A client-side one was asked for by the client. */
  get isServerSide(): boolean {
    return this.#wish === undefined;
  }

  /** What its client brought along to be let in. */
  get credentials(): Credentials {
    const { credentials = {} } = this.#wish ?? {};
    return this.#token === undefined ? credentials : { ...credentials, token: this.#token };
  }

  /** Its client has brought a new token: the earlier one is no proof of anything any more. */
  renew(token: string): void {
    this.#token = token;
  }

  /** In which form it has its pushes. */
  get form(): PushForm {
    return this.#wish?.form ?? PLAIN;
  }

  get keepsPresence(): boolean {
    return this.#rule?.presence ?? false;
  }

  get tellsPresence(): boolean {
    return this.#rule?.joinLeave ?? false;
  }

  /** How others see it. */
  get info(): ClientInfo {
    const connInfo = infoText(this.principal.info);
    const chanInfo = this.#wish?.chanInfo;
    return {
      user: this.principal.userId,
      client: this.#owner.id,
      since: this.#since,
      ...(connInfo === undefined ? {} : { connInfo }),
      ...(chanInfo === undefined ? {} : { chanInfo }),
    };
  }

  /** Will it take nothing more? */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Has its token's end passed? */
  get isOver(): boolean {
    return this.#expiry?.isOver ?? false;
  }

  deliver(publication: Publication, epoch: string, push: PublicationPush): void {
    if (this.#hasEnded) return;
    if (this.#gate) this.#hold(this.#gate, { publication, epoch, push });
    else this.#follow({ publication, epoch, push });
  }

  lose(top: StreamPosition): void {
    if (this.#hasEnded) return;
    if (this.#gate) this.#gate.held.push(top);
    else this.#requireTop(top);
  }

  // Not held: behind a closed gate nobody has seen who was there before.
  deliverPresenceChange(push: PresenceChangePush): void {
    if (this.#hasEnded || this.#gate || !this.#hearsPresence) return;
    this.#owner.write(push.lineIn(this.form));
  }

  /** Ends it by itself, so long after that moment; `undefined`: never. */
  expireAt(expiresAt: number | undefined, graceMs: number): void {
    if (this.#hasEnded || (expiresAt === undefined && !this.#expiry)) return;
    this.#expiry ??= new Expiry();
    this.#expiry.set(expiresAt, graceMs, () => this.#owner.onSubscriptionExpired(this));
  }

  close(disconnect: Disconnect): void {
    this.#owner.close(disconnect);
  }

  /**
   * Delivers what was held and lets everything after it pass. `position` is where the reply put
   * the client: the top of the history that was read; `null` for a channel without history. `base` is
   * the last payload in the reply.
   */
  openGate(position: StreamPosition | null, base: string | null = null): void {
    const held = this.#takeHeld();
    this.#epoch = position?.epoch ?? null;
    this.#offset = position?.offset ?? 0;
    this.#base = base;
    for (const each of held) {
      if (this.#hasEnded) return; // one that did not follow has ended it
      if ('push' in each) this.#follow(each);
      else this.#requireTop(each);
    }
  }

  /** Takes nothing more and forgets what was held. */
  end(): void {
    this.#hasEnded = true;
    this.#expiry?.clear();
    this.#takeHeld();
  }

  get #hearsPresence(): boolean {
    return this.tellsPresence && (this.#wish?.hearsPresence ?? true);
  }

  #hold(gate: Gate, item: Held): void {
    const { bytes } = item.push.plain;
    // Whether it has no place because nothing here has one, or is volatile: nobody recovers it.
    if (item.publication.offset === 0 && !this.#owner.hasSpaceFor(bytes)) return;
    gate.held.push(item);
    gate.bytes += bytes;
    this.#owner.hold(bytes);
  }

  #takeHeld(): Gate['held'] {
    const gate = this.#gate;
    if (!gate) return [];
    this.#gate = null;
    this.#owner.hold(-gate.bytes);
    return gate.held;
  }

  #follow({ publication, epoch, push }: Held): void {
    if (this.#epoch === null) {
      this.#write(publication, push);
      return;
    }
    const { offset } = publication;
    if (offset === 0) {
      this.#offer(publication, push);
      return;
    }
    const isSameLife = epoch === this.#epoch;
    if (isSameLife && offset <= this.#offset) return; // it was in the reply
    if (!isSameLife || offset !== this.#offset + 1) {
      this.#owner.onInsufficientState(this);
      return;
    }
    this.#offset = offset;
    this.#write(publication, push);
  }

  /** It has come to the top, or has missed something. */
  #requireTop({ epoch, offset }: StreamPosition): void {
    if (this.#epoch === null || (epoch === this.#epoch && offset <= this.#offset)) return;
    this.#owner.onInsufficientState(this);
  }

  /** Writes a volatile one, which has no place in the stream: without space for it, it is left out. */
  #offer(publication: Publication, push: PublicationPush): void {
    if (this.#owner.hasSpaceFor(push.plain.bytes)) this.#write(publication, push);
  }

  // Whatever is written moves what the client's next delta builds on, a volatile one too.
  #write({ data }: Publication, push: PublicationPush): void {
    const wish = this.#wish;
    if (!wish) {
      this.#owner.write(push.plain);
      return;
    }
    this.#owner.write(push.lineIn(wish.form, this.#base));
    if (wish.form.isDelta) this.#base = data;
  }
}
