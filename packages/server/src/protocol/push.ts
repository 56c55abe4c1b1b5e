import type { PresenceChange, Publication } from '../broker/broker.ts';
import { deltaFrom } from './delta.ts';
import type { Line } from './line.ts';
import { channelPush, deltaBody, presenceChangePush, publicationPush, textBody } from './reply.ts';

/** How one subscription wants its publications. */
export interface PushForm {
  /** By the channel's number instead of its name (protocol, section 16). */
  readonly isCompact: boolean;
  /** As text, or as what changed since the publication before (protocol, section 15). */
  readonly isDelta: boolean;
}

/** What a channel is called in pushes. */
export interface ChannelNames {
  readonly wireName: string;
  /** Stands for the name where that was agreed on; no two channels of a node have the same. */
  readonly number: number;
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

/** Where each form's line is kept. */
const COMPACT = 1;
const TEXT = 2;
const DELTA = 4;

/**
 * One publication on its way to a channel's subscribers: encoded once for each form in which somebody
 * wants it, and not at all in the others.
 */
export class PublicationPush {
  readonly #names: ChannelNames;
  readonly #publication: Publication;
  /** The text of the channel's publication before this one, which a delta builds on. */
  readonly #before: string | null;
  readonly #lines: (Line | undefined)[] = [];

  constructor(names: ChannelNames, publication: Publication, before: string | null) {
    this.#names = names;
    this.#publication = publication;
    this.#before = before;
  }

  /** As most have it. */
  get plain(): Line {
    return (this.#lines[0] ??= publicationPush(this.#names.wireName, this.#publication));
  }

  /** In one subscription's form. `base`: the text that its client has; `null`: none. */
  lineIn({ isCompact, isDelta }: PushForm, base: string | null): Line {
    const name = isCompact ? this.#names.number : this.#names.wireName;
    const place = isCompact ? COMPACT : 0;
    if (!isDelta) return (this.#lines[place] ??= publicationPush(name, this.#publication));
    const isNext = base !== null && base === this.#before;
    const delta = isNext ? deltaFrom(base, this.#publication) : null;
    // Of a delta's bases none may give way to a newer one: these lines have no conflation key.
    return delta === null
      ? (this.#lines[place | TEXT] ??= channelPush(name, 'pub', textBody(this.#publication)))
      : (this.#lines[place | DELTA] ??= channelPush(
          name,
          'pub',
          deltaBody(this.#publication, delta),
        ));
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
    const { wireName, number } = this.#names;
    return isCompact
      ? (this.#byNumber ??= presenceChangePush(number, this.#change))
      : (this.#byName ??= presenceChangePush(wireName, this.#change));
  }
}
