import type { Publication, StreamPosition } from './broker/broker.ts';
import type { Disconnect } from './errors.ts';
import type { Subscriber } from './hub.ts';
import type { Principal } from './principal.ts';
import type { Line } from './protocol.ts';

/** The session that a subscription belongs to, as much of it as the subscription needs. */
export interface SubscriptionOwner {
  readonly id: string;
  write(line: Line): void;
  /** Counts bytes that wait behind a gate; a negative number gives them back. */
  hold(bytes: number): void;
  close(disconnect: Disconnect): void;
  /** Called when the subscription's place in the stream is lost: what came cannot follow. */
  onInsufficientState(subscription: Subscription): void;
}

/** What is fixed about a subscription from the start. */
export interface SubscriptionInit {
  readonly channel: string;
  readonly wireName: string;
  /** Made by the server; a client-side one was asked for by the client. */
  readonly isServerSide: boolean;
  readonly owner: SubscriptionOwner;
  readonly principal: Principal;
}

interface Held {
  readonly publication: Publication;
  readonly epoch: string;
  readonly push: Line;
}

/**
 * One session in one channel. Begins behind a closed gate that holds live publications, so that
 * history can be read and the reply written first; from then on every publication must follow the
 * one before (protocol, section 11.2).
 */
export class Subscription implements Subscriber {
  readonly channel: string;
  readonly wireName: string;
  readonly isServerSide: boolean;
  readonly principal: Principal;
  readonly #owner: SubscriptionOwner;
  #held: Held[] | null = [];
  #heldBytes = 0;
  #position: StreamPosition | null = null;
  #hasEnded = false;

  constructor({ channel, wireName, isServerSide, owner, principal }: SubscriptionInit) {
    this.channel = channel;
    this.wireName = wireName;
    this.isServerSide = isServerSide;
    this.principal = principal;
    this.#owner = owner;
  }

  get id(): string {
    return this.#owner.id;
  }

  deliver(publication: Publication, epoch: string, push: Line): void {
    if (this.#hasEnded) return;
    if (this.#held) this.#hold(this.#held, { publication, epoch, push });
    else this.#follow(publication, epoch, push);
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
    this.#takeHeld();
  }

  #hold(held: Held[], item: Held): void {
    held.push(item);
    this.#heldBytes += item.push.bytes;
    this.#owner.hold(item.push.bytes);
  }

  #takeHeld(): readonly Held[] {
    const held = this.#held ?? [];
    this.#held = null;
    this.#owner.hold(-this.#heldBytes);
    this.#heldBytes = 0;
    return held;
  }

  #follow(publication: Publication, epoch: string, push: Line): void {
    if (!this.#position) {
      this.#owner.write(push);
      return;
    }
    const { offset } = publication;
    const isSameLife = epoch === this.#position.epoch;
    if (isSameLife && offset <= this.#position.offset) return; // it was in the reply
    if (!isSameLife || offset !== this.#position.offset + 1) {
      this.#owner.onInsufficientState(this);
      return;
    }
    this.#position = { epoch, offset };
    this.#owner.write(push);
  }
}
