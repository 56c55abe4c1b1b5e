import type { Broker, ClientInfo } from './broker/broker.ts';
import type { Limits } from './limits.ts';

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
  onError(error: unknown): void;
}

/** Tells the broker who of this node is present where, and goes on telling while they are. */
export class Presences {
  readonly #options: PresencesOptions;
  /** Who is named as present, and the last step of the naming: the next one waits for it. */
  readonly #named = new Map<Present, Promise<void>>();
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

  stop(): void {
    clearInterval(this.#naming);
  }

  /** Resolves when the broker knows: before the subscribe's reply. */
  async enter(present: Present): Promise<void> {
    if (!present.keepsPresence) return;
    const naming = this.#name(present);
    this.#named.set(present, naming);
    await naming;
  }

  /** Tells the others: after the subscribe's reply, so that nobody hears of himself before it. */
  joined(present: Present): void {
    if (!present.tellsPresence) return;
    this.#told.add(present);
    this.#inBackground(this.#broadcast(present, 'join'));
  }

  /** Takes back whatever was said. */
  left(present: Present): void {
    const naming = this.#named.get(present);
    this.#named.delete(present);
    if (naming) this.#inBackground(this.#remove(present, naming));
    if (this.#told.delete(present)) this.#inBackground(this.#broadcast(present, 'leave'));
  }

  #nameAgain(): void {
    for (const [present, earlier] of this.#named) {
      const naming = this.#nameAfter(present, earlier);
      this.#named.set(present, naming);
      this.#inBackground(naming);
    }
  }

  async #nameAfter(present: Present, earlier: Promise<void>): Promise<void> {
    await earlier.catch(() => {});
    if (this.#named.has(present)) await this.#name(present);
  }

  async #name({ channel, info }: Present): Promise<void> {
    const { broker, limits } = this.#options;
    await broker.addPresence(channel, info, limits.presenceTtlMs);
  }

  // Behind the naming that is under way, which would else bring a client back that has gone.
  async #remove({ channel, info }: Present, naming: Promise<void>): Promise<void> {
    await naming.catch(() => {});
    await this.#options.broker.removePresence(channel, info.client);
  }

  async #broadcast({ channel, info }: Present, kind: 'join' | 'leave'): Promise<void> {
    await this.#options.broker.broadcast(channel, { kind, info });
  }

  #inBackground(work: Promise<void>): void {
    work.catch((error: unknown) => this.#options.onError(error));
  }
}
