import { ClientRates, type ClientRatesOwner } from './client-rates.ts';
import { CommandQueue, type CommandQueueOwner } from './command-queue.ts';
import { type Disconnect, disconnects, type ProtocolError, protocolErrors } from './errors.ts';
import { decodeFrame, type SizedCommand } from './protocol/command.ts';

/** Whose inbox it is, as much of it as the inbox needs. */
export interface InboxOwner extends ClientRatesOwner, CommandQueueOwner {
  /** Takes a pong. `false`: it answers no ping. */
  pong(): boolean;
}

/** What one client sends: frames are read into commands, and those that are not too many are queued. */
export class Inbox {
  readonly #owner: InboxOwner;
  readonly #rates: ClientRates;
  readonly #commands: CommandQueue;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
    this.#rates = new ClientRates(owner);
    this.#commands = new CommandQueue(owner);
  }

  /** Resolves when the last connect has been carried out, whatever came of it. */
  get connected(): Promise<void> {
    return this.#commands.connected;
  }

  /** Resolves when the last command of a channel that has come so far has been carried out. */
  async settled(channel: string): Promise<void> {
    await this.#commands.settled(channel);
  }

  /** Resolves when the commands of all channels that have come so far have been carried out. */
  async allSettled(): Promise<void> {
    await this.#commands.allSettled();
  }

  /** Takes one frame. Throws the `Disconnect` that ends the connection for it. */
  receive(frame: string): void {
    this.#rates.admitFrame(frame);
    const commands = decodeFrame(frame, {
      limits: this.#owner.node.limits,
      onExceeded: (limit) => this.#owner.exceeded(limit),
    });
    this.#commands.add(commands.flatMap((command) => this.#forQueue(command)));
  }

  /** Takes a ping of the WebSocket; what it gives ends the connection. */
  pinged(): Disconnect | null {
    return this.#rates.afterPing();
  }

  /** Counts an error reply; what it gives ends the connection. */
  afterError(error: ProtocolError): Disconnect | null {
    return this.#rates.afterError(error);
  }

  // A pong is taken at once: waiting behind a slow command it would be late. What comes too fast is
  // refused in its turn: nothing may precede the connect's reply.
  #forQueue({ command, size }: SizedCommand): SizedCommand[] {
    if (command.method === 'pong') {
      if (!this.#owner.pong()) throw disconnects.badRequest;
      return [];
    }
    if (this.#rates.admit(command)) return [{ command, size }];
    if (!('id' in command)) return [];
    const error = protocolErrors.tooManyRequests;
    return [{ command: { method: 'refused', id: command.id, error }, size: 0 }];
  }
}
