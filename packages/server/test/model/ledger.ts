/** What a channel is to the checker: offsets mean something only inside their epoch. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** A position as the checker says it. */
export function inWords(position: Position | null | undefined): string {
  return position ? `${position.epoch}/${position.offset}` : 'no place';
}

/** One publish, as its caller saw it; in a ledger they stand in the order of the calls. */
export interface Published {
  readonly id: string;
  /** The broker's key of the channel. */
  readonly channel: string;
  /** Whose channel it is; `''` is the platform. */
  readonly tenantId: string;
  /** `rejected`: certainly not published. `unknown`: it may or may not be. */
  readonly outcome: 'accepted' | 'rejected' | 'unknown';
  /** Where it was stored; `null` when it is not known or the channel keeps no history. */
  readonly position: Position | null;
  /** A later publication of the same key may stand for this one (design, section 8). */
  readonly conflationKey?: string;
  /** Not kept, whatever the channel keeps: it may be missing, but comes once and in its turn. */
  readonly isVolatile?: boolean;
  /** Who called, where several do: only the calls of one have an order. */
  readonly publisher?: string;
  /** When it was called and when it had ended, by a clock that all publishers share, milliseconds. */
  readonly calledAt?: number;
  readonly settledAt?: number;
  /** It was called before under the same id and idempotency key, and comes to the same place. */
  readonly isRepeat?: boolean;
}

/** The subscription began or came back. */
export interface Subscribed {
  readonly kind: 'subscribed';
  /** Where the client stands from now on; `null` in a channel without history. */
  readonly position: Position | null;
  readonly wasRecovering: boolean;
  readonly recovered: boolean;
  /** How many publishes had been called by then: from there on nothing may be missing. */
  readonly callsBefore: number;
}

/** A publication arrived. */
export interface Delivered {
  readonly kind: 'delivered';
  readonly id: string;
  /** Whose it says that it is. */
  readonly tenantId: string;
  /** `null` in a channel without history, and of a volatile one. */
  readonly position: Position | null;
}

/** The server took the channel away, and the client was told. */
interface Ended {
  readonly kind: 'ended';
}

/** What one client was told of one channel, in the order of arrival, over all its connections. */
export interface Reader {
  readonly client: string;
  readonly channel: string;
  readonly tenantId: string;
  readonly told: readonly (Subscribed | Delivered | Ended)[];
  /** Was it subscribed when the run ended, and before the channel's last publication? */
  readonly isLive: boolean;
}

/** One frame as it was written to a session of a tenant. */
export interface Frame {
  readonly client: string;
  readonly tenantId: string;
  readonly text: string;
}

/** Everything that one run put down: what the checker judges. */
export interface History {
  readonly tenantIds: readonly string[];
  /** May a publication be lost on the way where there is no history to find out? */
  readonly losesUnkept: boolean;
  /**
   * May what has no place come again to who has come back, to another node where it was late? Default:
   * never.
   */
  readonly repeatsUnplaced?: boolean;
  readonly published: readonly Published[];
  readonly readers: readonly Reader[];
  readonly frames: readonly Frame[];
}

/** The text that every payload of a tenant carries, and that must be in no other tenant's bytes. */
export function markerOf(tenantId: string): string {
  return `<${tenantId || 'the platform'}>`;
}

/** What a publication says of itself; `bytes` more make it heavier. */
export interface Payload {
  readonly id: string;
  readonly tenantId: string;
  readonly marker: string;
  readonly rest: string;
}

export function payloadOf({ id, tenantId }: Call, bytes: number): Payload {
  return { id, tenantId, marker: markerOf(tenantId), rest: '.'.repeat(bytes) };
}

/** A publish that is under way. */
export interface Call {
  readonly id: string;
  readonly tenantId: string;
  /** Notes what became of it. Called never: that is not known. */
  settle(outcome: Published['outcome'], position?: Position | null): void;
}

/** The publishers' ledger of a run. */
export class PublisherLedger {
  readonly #published: Published[] = [];

  /** Notes a call, and gives it an id. */
  call(about: Omit<Published, 'id' | 'outcome' | 'position'>): Call {
    const index = this.#published.length;
    const id = `p${index}`;
    const published: Published = { ...about, id, outcome: 'unknown', position: null };
    this.#published.push(published);
    return {
      id,
      tenantId: about.tenantId,
      settle: (outcome, position = null) => {
        this.#published[index] = { ...published, outcome, position };
      },
    };
  }

  /** How many there were. */
  get calls(): number {
    return this.#published.length;
  }

  get published(): readonly Published[] {
    return this.#published;
  }
}

/** The ledger of one client's one channel. */
export class SubscriberLedger {
  readonly #told: Reader['told'][number][] = [];
  #epoch: string | null = null;

  get told(): Reader['told'] {
    return this.#told;
  }

  subscribed(told: Omit<Subscribed, 'kind'>): void {
    this.#epoch = told.position?.epoch ?? null;
    this.#told.push({ kind: 'subscribed', ...told });
  }

  /** A publication itself does not name its epoch: it is the one that was last announced. */
  delivered({ id, tenantId }: Pick<Payload, 'id' | 'tenantId'>, offset: number): void {
    const position = offset === 0 ? null : { epoch: this.#epoch ?? '', offset };
    this.#told.push({ kind: 'delivered', id, tenantId, position });
  }

  ended(): void {
    this.#told.push({ kind: 'ended' });
  }
}
