import type { LimitName } from './counters.ts';
import { disconnects } from './errors.ts';
import type { Node } from './node.ts';
import type { Command, RpcRequest, SizedCommand } from './protocol/command.ts';
import { isOwnMethod } from './rpc.ts';
import { TimeBudget } from './time-budget.ts';

/** Stands in for a channel: refreshes of one connection are asked one after the other. */
const REFRESHES = '@refresh';

/** Whose commands they are, as much of it as the queue needs. */
export interface CommandQueueOwner {
  readonly node: Pick<Node, 'limits'>;
  exceeded(limit: LimitName): void;
  /** Must not reject. */
  run(command: Command, time: TimeBudget): Promise<void>;
}

/** Commands that are not finished may be as large as this many messages of the greatest size. */
const MAX_PENDING_MESSAGES = 4;
const DONE: Promise<void> = Promise.resolve();

/**
 * The order of one client's commands (protocol, section 17): all wait for the connect before them;
 * after it those of one channel run one after the other, those of different channels side by side,
 * so that a hook that hangs holds up its own room alone.
 */
export class CommandQueue {
  readonly #owner: CommandQueueOwner;
  /** The last unfinished command of each channel: the next one waits for it. */
  #tails: Map<string, Promise<void>> | null = null;
  /** The last connect: every command behind it waits for it. */
  #connecting = DONE;
  /** Ids that have not been answered: a second command with one of them could not be told apart. */
  #ids: Set<number> | null = null;
  #unfinished = 0;
  #bytes = 0;

  constructor(owner: CommandQueueOwner) {
    this.#owner = owner;
  }

  /** Resolves when the last connect has been carried out, whatever came of it. */
  get connected(): Promise<void> {
    return this.#connecting;
  }

  /** Resolves when the last command of a channel that has come so far has been carried out. */
  async settled(channel: string): Promise<void> {
    await this.#tails?.get(channel);
  }

  /** Resolves when the commands of all channels that have come so far have been carried out. */
  async allSettled(): Promise<void> {
    const channels = [...(this.#tails ?? [])].filter(([channel]) => channel !== REFRESHES);
    await Promise.all(channels.map(([, tail]) => tail));
  }

  /**
   * Takes the commands of one frame. Throws `Disconnect` 3013, and starts none, if they are too many,
   * 3501 if one has the id of another that is not answered yet.
   */
  add(commands: readonly SizedCommand[]): void {
    for (const { command, size } of commands) {
      this.#count(1, size);
      this.#claimId(command);
    }
    const { maxPendingCommands, maxMessageBytes } = this.#owner.node.limits;
    const maxBytes = MAX_PENDING_MESSAGES * maxMessageBytes;
    if (this.#unfinished > maxPendingCommands || this.#bytes > maxBytes) {
      this.#owner.exceeded('maxPendingCommands');
      throw disconnects.tooManyRequests;
    }
    for (const command of commands) void this.#enqueue(command);
  }

  async #enqueue(sized: SizedCommand): Promise<void> {
    const channel = channelOf(sized.command);
    const before = channel === null ? undefined : this.#tails?.get(channel);
    const running = this.#runAfter(before ?? this.#connecting, sized);
    if (sized.command.method === 'connect') this.#connecting = running;
    if (channel !== null) (this.#tails ??= new Map()).set(channel, running);
    await running;
    if (this.#connecting === running) this.#connecting = DONE;
    if (channel !== null && this.#tails?.get(channel) === running) this.#forgetTail(channel);
  }

  async #runAfter(before: Promise<void>, { command, size }: SizedCommand): Promise<void> {
    // Waiting counts too: the client's patience begins when it sends.
    const time = new TimeBudget(this.#owner.node.limits.hookTimeoutMs);
    await before;
    await this.#owner.run(command, time);
    this.#count(-1, -size);
    if ('id' in command) this.#ids?.delete(command.id);
    if (this.#ids?.size === 0) this.#ids = null;
  }

  #forgetTail(channel: string): void {
    this.#tails?.delete(channel);
    if (this.#tails?.size === 0) this.#tails = null;
  }

  #claimId(command: Command): void {
    if (!('id' in command)) return;
    this.#ids ??= new Set();
    if (this.#ids.has(command.id)) throw disconnects.badRequest;
    this.#ids.add(command.id);
  }

  #count(commands: number, bytes: number): void {
    this.#unfinished += commands;
    this.#bytes += bytes;
  }
}

// Whatever concerns one channel happens in the order of its asking: a publish or a presence behind its
// subscribe, the refresh of a subscription behind its making.
function channelOf(command: Command): string | null {
  if (command.method === 'refresh') return REFRESHES;
  if ('channel' in command) return command.channel;
  if (command.method === 'rpc') return roomOfOwnCall(command.request);
  if ('request' in command && 'channel' in command.request) return command.request.channel;
  return null;
}

/** What the server itself is asked of a room comes behind what was asked of it before. */
function roomOfOwnCall({ method, data }: RpcRequest): string | null {
  if (!isOwnMethod(method) || typeof data !== 'object' || data === null) return null;
  const { room } = data as { readonly room?: unknown };
  return typeof room === 'string' ? room : null;
}
