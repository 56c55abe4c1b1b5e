import { randomUUID } from 'node:crypto';
import { connect, subscribe, unsubscribe } from './commands.ts';
import { Deadline } from './deadline.ts';
import {
  type Disconnect,
  disconnects,
  ProtocolError,
  protocolErrors,
  unsubscribed,
} from './errors.ts';
import { Heartbeat } from './heartbeat.ts';
import type { Node } from './node.ts';
import { Outbox } from './outbox.ts';
import type { Handshake, Principal } from './principal.ts';
import {
  type Command,
  decodeFrame,
  errorReply,
  isDisconnect,
  type Line,
  PING,
  unsubscribePush,
} from './protocol.ts';
import type { Joined } from './recovery.ts';
import type { Subscription, SubscriptionOwner } from './subscription.ts';
import { CLOSE_GRACE_MS, type Transport } from './transport.ts';
import { withTimeout } from './with-timeout.ts';

/** What a session is made from. */
export interface SessionInit {
  readonly node: Node;
  readonly transport: Transport;
  readonly handshake: Handshake;
}

/** A slow reader is not waited for as long as others. */
const SLOW_GRACE_MS = 1_000;
/** What waits for its turn may be as large as this many messages of the greatest size. */
const MAX_PENDING_MESSAGES = 4;

/**
 * The server's side of one connection: from the first byte to the close. Commands run one after
 * the other, in the order of their arrival; pushes go out in between.
 */
export class Session implements SubscriptionOwner {
  /** The client id: unguessable, new for each connection. */
  readonly id: string = randomUUID();
  readonly node: Node;
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #heartbeat: Heartbeat;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #commands: Command[] = [];
  readonly #deadline = new Deadline();
  #handshake: Handshake | null;
  #principal: Principal | null = null;
  #isRunning = false;
  #pendingBytes = 0;
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
      this.#countPending(frame);
      for (const command of decodeFrame(frame)) this.#accept(command);
    } catch (error) {
      this.#fail(null, error);
      return;
    }
    void this.#run();
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

  /** Becomes the principal's session. A second connect, or one after the close, is an error. */
  enter(principal: Principal): void {
    if (this.#principal) throw disconnects.badRequest;
    this.#principal = principal;
  }

  /** From here on the connection lives as long as it answers pings, and its principal lasts. */
  goLive(): void {
    if (this.#isClosed) return; // opening a gate may have ended it
    this.#deadline.clear();
    this.#heartbeat.start();
    const { expiresAt } = this.principal;
    if (expiresAt !== undefined) this.#expireAt(expiresAt);
  }

  /** What was known before the connect command; kept no longer than until it is used. */
  takeHandshake(): Handshake {
    if (!this.#handshake) throw disconnects.badRequest;
    const handshake = this.#handshake;
    this.#handshake = null;
    this.#awaitHooks();
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
   * Awaits one of the app's hooks, no longer than the limit says. A hook may refuse in the
   * protocol's own words; whatever else it throws is logged here and becomes error 100.
   */
  async hook<T>(name: string, call: () => T | Promise<T>): Promise<T> {
    const { hookTimeoutMs } = this.node.limits;
    const late = () => new Error(`The hook ${name} did not answer in ${hookTimeoutMs} ms`);
    const calling = Promise.resolve().then(call);
    try {
      return await this.whileOpen(withTimeout(calling, hookTimeoutMs, late));
    } catch (error) {
      if (isDisconnect(error)) throw error;
      this.node.log.error('hook_failed', { hook: name, client: this.id, error: String(error) });
      throw error instanceof ProtocolError ? error : protocolErrors.internal;
    }
  }

  /** Awaits work, and throws when the session was closed meanwhile: its result is for nobody. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    if (this.#isClosed) throw disconnects.connectionClosed;
    return result;
  }

  // Parsed commands are many times larger than their text, and nobody need be authenticated.
  #countPending(frame: string): void {
    this.#pendingBytes += frame.length;
    const maxBytes = MAX_PENDING_MESSAGES * this.node.limits.maxMessageBytes;
    if (this.#pendingBytes > maxBytes) throw disconnects.tooManyRequests;
  }

  // A pong is taken at once: waiting behind a slow command it would be late.
  #accept(command: Command): void {
    if (command.method === 'pong') {
      if (!this.#heartbeat.pong()) throw disconnects.badRequest;
      return;
    }
    if (this.#commands.length >= this.node.limits.maxPendingCommands) {
      throw disconnects.tooManyRequests;
    }
    this.#commands.push(command);
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#commands.shift(); next; next = this.#commands.shift()) {
      try {
        await this.#execute(next);
      } catch (error) {
        this.#fail(next, error);
      }
    }
    this.#isRunning = false;
    this.#pendingBytes = 0;
  }

  async #execute(command: Command): Promise<void> {
    if (this.#isClosed) return;
    if (command.method === 'connect') return await connect(this, command.id, command.request);
    if (!this.#principal) throw disconnects.badRequest;
    switch (command.method) {
      case 'subscribe':
        return await subscribe(this, command.id, command.request);
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
      this.node.log.error('command_failed', { client: this.id, error: String(error) });
    }
    if (!command || !('id' in command) || command.method === 'connect') {
      return this.close(disconnects.internal);
    }
    const reply = error instanceof ProtocolError ? error : protocolErrors.internal;
    this.write(errorReply(command.id, reply));
  }

  // From the connect command on, lateness is ours: the client is told to come back.
  #awaitHooks(): void {
    const { hookTimeoutMs, connectDeadlineMs } = this.node.limits;
    const deadlineMs = 2 * hookTimeoutMs + connectDeadlineMs;
    this.#deadline.set(deadlineMs, () => this.close(disconnects.internal));
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
    this.#commands.length = 0;
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
