import { randomUUID } from 'node:crypto';
import { CommandQueue } from './command-queue.ts';
import { connect, subscribe, unsubscribe } from './commands.ts';
import { Deadline } from './deadline.ts';
import {
  type Disconnect,
  disconnects,
  isDisconnect,
  ProtocolError,
  protocolErrors,
  unsubscribed,
} from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import { describeError } from './log.ts';
import type { Node } from './node.ts';
import { Outbox } from './outbox.ts';
import type { Handshake, Principal } from './principal.ts';
import {
  type Command,
  decodeFrame,
  errorReply,
  type Line,
  PING,
  unsubscribePush,
} from './protocol.ts';
import type { Joined } from './recovery.ts';
import type { Subscription, SubscriptionOwner } from './subscription.ts';
import type { TimeBudget } from './time-budget.ts';
import { CLOSE_GRACE_MS, type Transport } from './transport.ts';

/** What a session is made from. */
export interface SessionInit {
  readonly node: Node;
  readonly transport: Transport;
  readonly handshake: Handshake;
}

/** A slow reader is not waited for as long as others. */
const SLOW_GRACE_MS = 1_000;
/** Commands that are not finished may be as large as this many messages of the greatest size. */
const MAX_PENDING_MESSAGES = 4;

/**
 * The server's side of one connection: from the first byte to the close. Commands start in the
 * order of their arrival, those of one channel one after the other; pushes go out in between.
 */
export class Session implements SubscriptionOwner {
  /** The client id: unguessable, new for each connection. */
  readonly id: string = randomUUID();
  readonly node: Node;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #commands: CommandQueue;
  readonly #deadline = new Deadline();
  #handshake: Handshake | null;
  #principal: Principal | null = null;
  #heldBytes = 0;
  #isClosed = false;

  constructor({ node, transport, handshake }: SessionInit) {
    const { limits } = node;
    this.node = node;
    this.#transport = transport;
    this.#handshake = handshake;
    this.#outbox = new Outbox(transport, limits.maxQueuedBytes, () => this.close(disconnects.slow));
    this.#heartbeat = new Heartbeat({
      pingIntervalMs: limits.pingIntervalMs,
      pongTimeoutMs: limits.pongTimeoutMs,
      sendPing: () => this.write(PING),
      onNoPong: () => this.close(disconnects.noPong),
    });
    this.#commands = new CommandQueue({
      maxCommands: limits.maxPendingCommands,
      maxBytes: MAX_PENDING_MESSAGES * limits.maxMessageBytes,
      answerMs: limits.hookTimeoutMs,
      run: (command, time) => this.#run(command, time),
    });
    this.#deadline.set(limits.connectDeadlineMs, () => this.close(disconnects.stale));
    node.hub.addConnection(this);
  }

  /** Who this session acts for. Throws `Disconnect` 3501 before a successful authenticate. */
  get principal(): Principal {
    if (!this.#principal) throw disconnects.badRequest;
    return this.#principal;
  }

  /** Has it as many subscriptions as it may have? */
  get isFull(): boolean {
    return this.#subscriptions.size >= this.node.limits.maxSubscriptions;
  }

  /** Takes one frame from the client. */
  receive(frame: string): void {
    if (this.#isClosed) return;
    try {
      const commands = decodeFrame(frame);
      this.#commands.add(commands.filter(({ command }) => !this.#takePong(command)));
    } catch (error) {
      this.#fail(null, error);
    }
  }

  /** Ends the session: tells the client why, then leaves every channel. Only the first call counts. */
  close(disconnect: Disconnect): void {
    if (this.#isClosed) return;
    const isSlow = disconnect === disconnects.slow;
    if (!isSlow) this.#outbox.flush();
    this.#leave();
    this.#transport.close(disconnect, isSlow ? SLOW_GRACE_MS : CLOSE_GRACE_MS);
  }

  /** The transport has gone: nothing can be said any more. */
  closed(): void {
    this.#leave();
    this.node.hub.removeConnection(this);
  }

  terminate(): void {
    this.#transport.terminate();
  }

  write(line: Line): void {
    this.#outbox.write(line);
  }

  /** One bound for all gates: what they hold goes to the outbox, and must fit there. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    const isOver = this.#heldBytes > this.node.limits.maxQueuedBytes;
    if (isOver && bytes > 0) this.close(disconnects.slow);
  }

  /**
   * Becomes the principal's session; `takeHandshake` has made sure that it is nobody's yet. Throws
   * when it was closed meanwhile: nobody would take the hub's entry back.
   */
  enter(principal: Principal): void {
    if (this.#isClosed) throw disconnects.connectionClosed;
    this.#principal = principal;
    this.node.hub.admitConnection(this, principal);
  }

  /** From here on the connection lives as long as it answers pings, and its principal lasts. */
  goLive(): void {
    if (this.#isClosed) return; // opening a gate may have ended it
    this.#heartbeat.start();
    const { expiresAt } = this.principal;
    if (expiresAt !== undefined) this.#expireAt(expiresAt);
  }

  /**
   * What was known before the connect command; kept no longer than until it is used, so that a
   * second connect is an error. From here on lateness is ours: the command's time is bounded.
   */
  takeHandshake(): Handshake {
    if (!this.#handshake) throw disconnects.badRequest;
    const handshake = this.#handshake;
    this.#handshake = null;
    this.#deadline.clear();
    return handshake;
  }

  subscription(wireName: string): Subscription | undefined {
    return this.#subscriptions.get(wireName);
  }

  /** Throws when the session was closed meanwhile: nobody would take the subscription back. */
  addSubscription(subscription: Subscription): void {
    if (this.#isClosed) throw disconnects.connectionClosed;
    this.#subscriptions.set(subscription.wireName, subscription);
  }

  removeSubscription(subscription: Subscription): void {
    subscription.end();
    this.node.unsubscribe(subscription.channel, subscription);
    if (this.#subscriptions.get(subscription.wireName) !== subscription) return;
    this.#subscriptions.delete(subscription.wireName);
  }

  /**
   * Writes a reply and opens the gates of the subscriptions that it announces, in this order:
   * a push that overtakes its reply is dropped by the client without a word.
   */
  complete(reply: Line, joined: readonly Joined[]): void {
    this.write(reply);
    for (const { subscription, position } of joined) subscription.openGate(position);
  }

  onInsufficientState(subscription: Subscription): void {
    if (subscription.isServerSide) {
      this.close(disconnects.insufficientState);
      return;
    }
    this.removeSubscription(subscription);
    this.write(unsubscribePush(subscription.wireName, unsubscribed.insufficientState));
  }

  /**
   * Awaits one of the app's hooks, no longer than the command's time allows. A room's `authorize` may
   * refuse in the protocol's own words (`ProtocolError`); whatever else it throws is logged here
   * and becomes error 100. The hooks of a connect have no reply to put an error in: whatever they
   * throw, a `ProtocolError` too, closes with 3004, only a `Disconnect` with its own code.
   */
  async hook<T>(name: string, time: TimeBudget, call: () => T | Promise<T>): Promise<T> {
    const calling = Promise.resolve().then(call);
    try {
      return await this.whileOpen(time.spend(name, calling));
    } catch (error) {
      if (isDisconnect(error) || error instanceof ProtocolError) throw error;
      const fields = { hook: name, client: this.id, error: describeError(error) };
      this.node.log.error('hook_failed', fields);
      throw protocolErrors.internal;
    }
  }

  /** Awaits work, and throws when the session was closed meanwhile: its result is for nobody. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    if (this.#isClosed) throw disconnects.connectionClosed;
    return result;
  }

  // A pong is taken at once: waiting behind a slow command it would be late.
  #takePong(command: Command): boolean {
    if (command.method !== 'pong') return false;
    if (!this.#heartbeat.pong()) throw disconnects.badRequest;
    return true;
  }

  async #run(command: Command, time: TimeBudget): Promise<void> {
    try {
      await this.#execute(command, time);
    } catch (error) {
      this.#fail(command, error);
    }
  }

  async #execute(command: Command, time: TimeBudget): Promise<void> {
    if (this.#isClosed) return;
    if (command.method === 'connect') return await connect(this, command.id, command.request, time);
    if (!this.#principal) throw disconnects.badRequest;
    switch (command.method) {
      case 'subscribe':
        return await subscribe(this, command.id, command.request, time);
      case 'unsubscribe':
        return unsubscribe(this, command.id, command.channel);
      case 'send':
        throw disconnects.notAvailable;
      case 'refused':
        throw command.error;
      default: // a pong is never queued
    }
  }

  /** Turns whatever went wrong into the protocol's words: a disconnect or an error reply. */
  #fail(command: Command | null, error: unknown): void {
    if (isDisconnect(error)) return this.close(error);
    if (!(error instanceof ProtocolError)) {
      this.node.log.error('command_failed', { client: this.id, error: describeError(error) });
    }
    if (!command || !('id' in command) || command.method === 'connect') {
      return this.close(disconnects.internal);
    }
    const reply = error instanceof ProtocolError ? error : protocolErrors.internal;
    this.write(errorReply(command.id, reply));
  }

  // Asks the clock again when it rings: a timer cannot be set as far ahead as a principal may last.
  #expireAt(expiresAt: number): void {
    const remainingMs = expiresAt - Date.now();
    if (remainingMs <= 0) this.close(disconnects.expired);
    else this.#deadline.set(remainingMs, () => this.#expireAt(expiresAt));
  }

  #leave(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#handshake = null;
    this.#deadline.clear();
    this.#heartbeat.stop();
    this.#outbox.discard();
    for (const subscription of this.#subscriptions.values()) {
      subscription.end();
      this.node.unsubscribe(subscription.channel, subscription);
    }
    this.#subscriptions.clear();
  }
}
