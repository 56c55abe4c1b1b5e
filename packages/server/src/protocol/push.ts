import type { PresenceChange, Publication } from '../broker/broker.ts';
import type { Line } from './line.ts';
import {
  type ChannelNames,
  channelPush,
  deltaBody,
  type PushNames,
  presenceChangePush,
  publicationPush,
  textBody,
} from './reply.ts';

/** How one subscription wants its publications. */
export interface PushForm {
  /** By the channel's number instead of its name (protocol, section 16). */
  readonly isCompact: boolean;
  /** As text, or as what changed since the publication before (protocol, section 15). */
  readonly isDelta: boolean;
}

/** How a subscription has them that wants nothing special. */
export const PLAIN: PushForm = { isCompact: false, isDelta: false };
const COMPACT_DELTA: PushForm = { isCompact: true, isDelta: true };
const COMPACT_ONLY: PushForm = { isCompact: true, isDelta: false };
const DELTA_ONLY: PushForm = { isCompact: false, isDelta: true };

/** The form with these properties: there is one of each. */
export function pushForm({ isCompact, isDelta }: PushForm): PushForm {
  if (isCompact) return isDelta ? COMPACT_DELTA : COMPACT_ONLY;
  return isDelta ? DELTA_ONLY : PLAIN;
}

/** Whoever finds deltas. */
export interface DeltaSource {
  /** What turns a payload into a publication's; `null`: send it in full. */
  from(base: string, publication: Publication): string | null;
}

/** Where each form's line is kept. */
const COMPACT = 1;
const TEXT = 2;
const DELTA = 4;

/** One publication on its way to a channel's subscribers: encoded once for each form that is wanted. */
export class PublicationPush {
  readonly #names: ChannelNames;
  readonly #publication: Publication;
  readonly #deltas: DeltaSource;
  readonly #lines: (Line | undefined)[] = [];
  /** What the delta that is kept builds on: with the same history, all build on the same. */
  #base: string | null = null;
  /** `undefined`: nobody has asked yet. `null`: it goes in full. */
  #delta: string | null | undefined;

  constructor(names: ChannelNames, publication: Publication, deltas: DeltaSource) {
    this.#names = names;
    this.#publication = publication;
    this.#deltas = deltas;
  }

  /** As most have it; its size is what a delivery weighs, whatever the form. */
  get plain(): Line {
    return (this.#lines[0] ??= publicationPush(this.#names, this.#publication, false));
  }

  /** In one subscription's form. `base`: the text that its client has; `null`: none. */
  lineIn({ isCompact, isDelta }: PushForm, base: string | null): Line {
    const { wireName } = this.#names;
    const names: PushNames = isCompact ? this.#names : { wireName };
    const place = isCompact ? COMPACT : 0;
    if (!isDelta) {
      return (this.#lines[place] ??= publicationPush(this.#names, this.#publication, isCompact));
    }
    const delta = base === null ? null : this.#deltaFrom(base);
    // Of a delta's bases none may give way to a newer one: these lines have no conflation key.
    if (delta === null) {
      return (this.#lines[place | TEXT] ??= channelPush(names, 'pub', textBody(this.#publication)));
    }
    const line = () => channelPush(names, 'pub', deltaBody(this.#publication, delta));
    return base === this.#base ? (this.#lines[place | DELTA] ??= line()) : line();
  }

  #deltaFrom(base: string): string | null {
    this.#base ??= base;
    if (base !== this.#base) return this.#deltas.from(base, this.#publication);
    if (this.#delta === undefined) this.#delta = this.#deltas.from(base, this.#publication);
    return this.#delta;
  }
}

/** Word of somebody who came to a channel or went, on its way to the channel's subscribers. */
export class PresenceChangePush {
  readonly #names: ChannelNames;
  readonly #change: PresenceChange;
  #byName: Line | null = null;
  #byNumber: Line | null = null;

  constructor(names: ChannelNames, change: PresenceChange) {
    this.#names = names;
    this.#change = change;
  }

  /** In one subscription's form. */
  lineIn({ isCompact }: PushForm): Line {
    const { wireName } = this.#names;
    return isCompact
      ? (this.#byNumber ??= presenceChangePush(this.#names, this.#change))
      : (this.#byName ??= presenceChangePush({ wireName }, this.#change));
  }
}
