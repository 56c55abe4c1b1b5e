import type { Broker, ClientInfo } from './broker/broker.ts';
import type { Limits } from './limits.ts';
import { Sequences } from './sequences.ts';

/** One client in one channel, as much of it as presence needs. */
export interface Present {
  readonly channel: string;
  /** How others see it. */
  readonly info: ClientInfo;
  /** Does the channel keep who is here? */
  readonly keepsPresence: boolean;
  /** Does the channel tell who comes and goes? */
  readonly tellsPresence: boolean;
}

/** What presence works with. */
export interface PresencesOptions {
  readonly broker: Broker;
  readonly limits: Pick<Limits, 'presenceTtlMs' | 'presenceIntervalMs'>;
  /** What was read of this channel is old. */
  readonly onChanged: (channel: string) => void;
  onError(error: unknown): void;
}

/** Tells the broker who of this node is present where, and goes on telling while they are. */
export class Presences {
  readonly #options: PresencesOptions;
  readonly #named = new Set<Present>();
  /** A client's removal must not arrive behind its coming back to the same channel. */
  readonly #steps = new Sequences();
  /** Whose coming has been told, so that their going will be. */
  readonly #told = new Set<Present>();
  #naming: NodeJS.Timeout | undefined;

  constructor(options: PresencesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#naming = setInterval(() => this.#nameAgain(), this.#options.limits.presenceIntervalMs);
    this.#naming.unref();
  }

  /** Resolves when the broker has been told of all that have gone. */
  async stop(): Promise<void> {
    clearInterval(this.#naming);
    await this.#steps.settled();
  }

  /** Resolves when the broker knows: before the subscribe's reply. */
  async enter(present: Present): Promise<void> {
    if (!present.keepsPresence) return;
    this.#named.add(present);
    await this.#name(present);
    this.#options.onChanged(present.channel);
  }

  /** Tells the others: after the subscribe's reply, so that nobody hears of himself before it. */
  joined(present: Present): void {
    if (!present.tellsPresence) return;
    this.#told.add(present);
    this.#inBackground(this.#broadcast(present, 'join'));
  }

  /** Takes back whatever was said. */
  left(present: Present): void {
    if (this.#named.delete(present)) this.#inBackground(this.#remove(present));
    if (this.#told.delete(present)) this.#inBackground(this.#broadcast(present, 'leave'));
  }

  #nameAgain(): void {
    for (const present of this.#named) {
      // One that hangs is not helped by another behind it.
      if (!this.#steps.isBusy(stepsOf(present))) this.#inBackground(this.#name(present));
    }
  }

  async #name(present: Present): Promise<void> {
    const { broker, limits } = this.#options;
    const { channel, info } = present;
    await this.#steps.run(stepsOf(present), async () => {
      if (this.#named.has(present)) await broker.addPresence(channel, info, limits.presenceTtlMs);
    });
  }

  async #remove(present: Present): Promise<void> {
    const { channel, info } = present;
    const { broker, onChanged } = this.#options;
    await this.#steps.run(stepsOf(present), () => broker.removePresence(channel, info.client));
    onChanged(channel);
  }

  async #broadcast({ channel, info }: Present, kind: 'join' | 'leave'): Promise<void> {
    await this.#options.broker.broadcast(channel, { kind, info });
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.onError(error));
  }
}

// A client id holds no space.
function stepsOf({ channel, info }: Present): string {
  return `${info.client} ${channel}`;
}
