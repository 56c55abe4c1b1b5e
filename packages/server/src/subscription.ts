import type { ClientInfo, Publication, StreamPosition } from './broker/broker.ts';
import type { Disconnect } from './errors.ts';
import { Expiry } from './expiry.ts';
import type { Subscriber } from './hub.ts';
import type { Present } from './presences.ts';
import type { Principal } from './principal.ts';
import type { Line } from './protocol/line.ts';

/** The session that a subscription belongs to, as much of it as the subscription needs. */
export interface SubscriptionOwner {
  readonly id: string;
  write(line: Line): void;
  /** Counts bytes that wait behind a gate; a negative number gives them back. */
  hold(bytes: number): void;
  close(disconnect: Disconnect): void;
  /** Called when the subscription's place in the stream is lost: what came cannot follow. */
  onInsufficientState(subscription: Subscription): void;
  onSubscriptionExpired(subscription: Subscription): void;
}

/** What is fixed about a subscription from the start. */
export interface SubscriptionInit {
  readonly channel: string;
  readonly wireName: string;
  /** Made by the server; a client-side one was asked for by the client. */
  readonly isServerSide: boolean;
  readonly owner: SubscriptionOwner;
  readonly principal: Principal;
  /** What the principal lets others see of it: JSON text. */
  readonly connInfo?: string | undefined;
  /** What the rule that let it in lets others see of it: JSON text. */
  readonly chanInfo?: string | undefined;
  /** Does the channel keep who is here? Default: no. */
  readonly keepsPresence?: boolean;
  /** Does the channel tell who comes and goes? Default: no. */
  readonly tellsPresence?: boolean;
  /** Does this one want to hear of them? Default: no. */
  readonly hearsPresence?: boolean;
}

interface Held {
  readonly publication: Publication;
  readonly epoch: string;
  readonly push: Line | null;
}

/**
 * One session in one channel. Begins behind a closed gate that holds live publications, so that
 * history can be read and the reply written first; from then on every publication must follow the
 * one before (protocol, section 11.2).
 */
export class Subscription implements Subscriber, Present {
  readonly channel: string;
  readonly wireName: string;
  readonly isServerSide: boolean;
  readonly principal: Principal;
  readonly info: ClientInfo;
  readonly keepsPresence: boolean;
  readonly tellsPresence: boolean;
  readonly #hearsPresence: boolean;
  readonly #owner: SubscriptionOwner;
  #expiry: Expiry | null = null;
  #held: Held[] | null = [];
  #heldBytes = 0;
  #position: StreamPosition | null = null;
  #hasEnded = false;

  constructor(init: SubscriptionInit) {
    this.channel = init.channel;
    this.wireName = init.wireName;
    this.isServerSide = init.isServerSide;
    this.principal = init.principal;
    this.keepsPresence = init.keepsPresence ?? false;
    this.tellsPresence = init.tellsPresence ?? false;
    this.#hearsPresence = init.hearsPresence ?? false;
    this.#owner = init.owner;
    this.info = {
      user: init.principal.userId,
      client: init.owner.id,
      ...(init.connInfo === undefined ? {} : { connInfo: init.connInfo }),
      ...(init.chanInfo === undefined ? {} : { chanInfo: init.chanInfo }),
    };
  }

  get id(): string {
    return this.#owner.id;
  }

  /** Will it take nothing more? */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Has its token's end passed? */
  get isOver(): boolean {
    return this.#expiry?.isOver ?? false;
  }

  deliver(publication: Publication, epoch: string, push: Line | null): void {
    if (this.#hasEnded) return;
    if (this.#held) this.#hold(this.#held, { publication, epoch, push });
    else this.#follow(publication, epoch, push);
  }

  // Not held: behind a closed gate nobody has seen who was there before.
  deliverPresenceChange(push: Line): void {
    if (!this.#hasEnded && !this.#held && this.#hearsPresence) this.#owner.write(push);
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
   * the client: the top of the history that was read; `null` for a channel without history.
   */
  openGate(position: StreamPosition | null): void {
    const held = this.#takeHeld();
    this.#position = position;
    for (const { publication, epoch, push } of held) {
      if (this.#hasEnded) return; // one that did not follow has ended it
      this.#follow(publication, epoch, push);
    }
  }

  /** Takes nothing more and forgets what was held. */
  end(): void {
    this.#hasEnded = true;
    this.#expiry?.clear();
    this.#takeHeld();
  }

  #hold(held: Held[], item: Held): void {
    const bytes = item.push?.bytes ?? 0;
    held.push(item);
    this.#heldBytes += bytes;
    this.#owner.hold(bytes);
  }

  #takeHeld(): readonly Held[] {
    const held = this.#held ?? [];
    this.#held = null;
    this.#owner.hold(-this.#heldBytes);
    this.#heldBytes = 0;
    return held;
  }

  #follow(publication: Publication, epoch: string, push: Line | null): void {
    if (!this.#position) {
      if (push) this.#owner.write(push);
      return;
    }
    const { offset } = publication;
    const isSameLife = epoch === this.#position.epoch;
    if (isSameLife && offset <= this.#position.offset) return; // it was in the reply
    if (!push || !isSameLife || offset !== this.#position.offset + 1) {
      this.#owner.onInsufficientState(this);
      return;
    }
    this.#position = { epoch, offset };
    this.#owner.write(push);
  }
}
