import type { Publication, StreamPosition } from './broker/broker.ts';
import { type Disconnect, disconnects } from './errors.ts';
import type { Subscriber } from './hub.ts';
import type { Principal } from './principal.ts';
import type { Line } from './protocol.ts';

/** The session that a subscription belongs to, as much of it as the subscription needs. */
export interface SubscriptionOwner {
  readonly id: string;
  readonly maxHeldBytes: number;
  write(line: Line): void;
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

  /** Is it still behind its gate? */
  get isJoining(): boolean {
    return this.#held !== null;
  }

  deliver(publication: Publication, epoch: string, push: Line): void {
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
    const held = this.#held ?? [];
    this.#held = null;
    this.#position = position;
    for (const { publication, epoch, push } of held) this.#follow(publication, epoch, push);
  }

  #hold(held: Held[], item: Held): void {
    this.#heldBytes += item.push.bytes;
    if (this.#heldBytes > this.#owner.maxHeldBytes) this.close(disconnects.slow);
    else held.push(item);
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
