/**
 * Names what is kept of a channel, a user or a subject in Redis. All of one share a hash tag, so that a
 * Redis Cluster keeps them together and one script may touch them all.
 */
export class RedisKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** What is announced of a channel goes there: not a key, but a name of pub/sub. */
  announcements(channel: string): string {
    return `${this.#prefix}:{${tagOf(channel)}}`;
  }

  /** A hash: epoch, top, the bytes kept, and which Redis has written them. */
  meta(channel: string): string {
    return `${this.announcements(channel)}:meta`;
  }

  /** A stream: the publications that are kept. */
  stream(channel: string): string {
    return `${this.announcements(channel)}:stream`;
  }

  /** A string: the position of what was published with this idempotency key. */
  once(channel: string, idempotencyKey: string): string {
    return `${this.announcements(channel)}:once:${idempotencyKey}`;
  }

  /** A hash: who is present. */
  present(channel: string): string {
    return `${this.announcements(channel)}:present`;
  }

  /** A sorted set: until when who is present. */
  presentUntil(channel: string): string {
    return `${this.announcements(channel)}:present-until`;
  }

  /** A sorted set: the rooms that a user was put into, by when. */
  joins(user: string): string {
    return `${this.announcements(user)}:joins`;
  }

  /** A string: up to when what was issued to a subject does not count. */
  revoked(subject: string): string {
    return `${this.announcements(subject)}:revoked`;
  }

  /** A string that is written to have something that a replica can be asked about. */
  get mark(): string {
    return `${this.#prefix}:mark`;
  }
}

/**
 * A brace would end the hash tag early, or make one that is empty and counts for nothing. Injective:
 * what is encoded begins with a `~`, and what is not does not.
 */
function tagOf(channel: string): string {
  return /[{}]|^~/.test(channel) ? `~${encodeURIComponent(channel)}` : channel;
}
