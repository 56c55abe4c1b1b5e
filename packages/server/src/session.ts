import { randomUUID } from 'node:crypto';
import { execute } from './commands/execute.ts';
import type { Connection, Leaving } from './connections.ts';
import type { LimitName } from './counters.ts';
import { type Disconnect, disconnects } from './errors.ts';
import { announced } from './expiry.ts';
import { fail } from './failure.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import { Lifetime, type LifetimeOwner } from './lifetime.ts';
import type { Node } from './node.ts';
import { Outbox, type OutboxOwner } from './outbox.ts';
import { joinRoom, leaveRoom, recheck, refreshPermissions } from './permissions.ts';
import { endingAt, type Handshake, type Principal } from './principal.ts';
import type { Command } from './protocol/command.ts';
import type { Line } from './protocol/line.ts';
import { messagePush, refreshPush } from './protocol/reply.ts';
import type { Joined } from './recovery.ts';
import { ReplySpace } from './reply-space.ts';
import type { Subscription, SubscriptionOwner } from './subscription.ts';
import { Subscriptions } from './subscriptions.ts';
import type { TimeBudget } from './time-budget.ts';
import { CLOSE_GRACE_MS, DEAF_GRACE_MS, EXPEL_GRACE_MS, type Transport } from './transport.ts';

/** What a session is made from. */
export interface SessionInit {
  readonly node: Node;
  readonly transport: Transport;
  readonly handshake: Handshake;
}

/**
 * The server's side of one connection: from the first byte to the close. Commands start in the
 * order of their arrival, those of one channel one after the other; pushes go out in between.
 */
export class Session
  implements Connection, SubscriptionOwner, OutboxOwner, InboxOwner, LifetimeOwner
{
  /** The client id: unguessable, new for each connection. */
  readonly id: string = randomUUID();
  readonly node: Node;
  readonly address: string;
  readonly #transport: Transport;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly lifetime: Lifetime;
  readonly subscriptions: Subscriptions;
  #handshake: Handshake | null;
  #principal: Principal | null = null;
  /** Kept where a new token can come: what the hook is asked with again. */
  #refreshable: Handshake | null = null;
  /** Its connect was answered with an error: what follows is for nobody. */
  #isRefused = false;
  #isLive = false;
  #isClosed = false;
  /** When it was last asked what it may hear, by the monotonic clock. */
  appliedAt: number = -Infinity;
  /** Its transport has gone, too. */
  #isGone = false;
  #onGone: (() => void)[] | null = null;

  /** Made when a large reply first needs it. */
  #replySpace: ReplySpace | null = null;

  constructor({ node, transport, handshake }: SessionInit) {
    this.node = node;
    this.address = handshake.remoteAddress;
    this.#transport = transport;
    this.#handshake = handshake;
    this.subscriptions = new Subscriptions(this);
    this.inbox = new Inbox(this);
    this.outbox = new Outbox(this, transport);
    this.lifetime = new Lifetime(this);
    this.lifetime.expectClient();
    node.connections.add(this);
    node.counters.count('connectionsOpened');
  }

  /** Is it known who it acts for? */
  get isAuthenticated(): boolean {
    return this.#principal !== null;
  }

  /** Who this session acts for. Throws `Disconnect` 3501 before a successful authenticate. */
  get principal(): Principal {
    if (!this.#principal) throw disconnects.badRequest;
    return this.#principal;
  }

  /** What a new token is checked with; `null`: this connection has none. */
  get refreshable(): Handshake | null {
    return this.#refreshable;
  }

  /** What its commands come with, if they come by another way than this connection. */
  get key(): string | undefined {
    return this.#transport.sessionKey;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Has its connect been answered, and has it not been closed since? */
  get isLive(): boolean {
    return this.#isLive;
  }

  get actsFor(): Principal | null {
    return this.#principal;
  }

  /** The space that large replies may have in the outbox. */
  get replySpace(): ReplySpace {
    if (this.#replySpace) return this.#replySpace;
    this.#replySpace = new ReplySpace(this.outbox);
    if (this.#isClosed) this.#replySpace.close();
    return this.#replySpace;
  }

  get isSilent(): boolean {
    return this.#handshake !== null;
  }

  /** Has its token's end passed? It lives on for its grace, and may only refresh. */
  get isOver(): boolean {
    return this.lifetime.isOver;
  }

  /** Takes one frame from the client. */
  receive(frame: string): void {
    if (this.#isClosed) return;
    try {
      if (this.#isRefused) throw disconnects.badRequest;
      this.inbox.receive(frame);
    } catch (error) {
      fail(this, null, error);
    }
  }

  /** Takes a ping of the WebSocket, which has answered it already. */
  pinged(): void {
    const disconnect = this.inbox.pinged();
    if (disconnect) this.close(disconnect);
  }

  /** Ends the session: tells the client why, then leaves every channel. Only the first call counts. */
  close(disconnect: Disconnect): void {
    if (this.#isClosed) return;
    const isSlow = disconnect === disconnects.slow;
    if (!isSlow) this.outbox.flushAll();
    const isDeaf = isSlow || disconnect === disconnects.noPong;
    this.#end(disconnect, isDeaf ? DEAF_GRACE_MS : CLOSE_GRACE_MS);
  }

  /** The transport has gone: nothing can be said any more. */
  closed(): void {
    this.#leave();
    this.node.connections.remove(this);
    this.#isGone = true;
    for (const resolve of this.#onGone ?? []) resolve();
    this.#onGone = null;
  }

  terminate(): void {
    this.#transport.terminate();
  }

  write(line: Line): void {
    this.outbox.write(line);
  }

  hold(bytes: number): void {
    this.outbox.hold(bytes);
  }

  /** Counts where there is none: what is left out is for nobody to recover. */
  hasSpaceFor(bytes: number): boolean {
    if (bytes <= this.outbox.space) return true;
    this.node.counters.count('volatileDropped');
    return false;
  }

  /**
   * Becomes the principal's session; `takeHandshake` has made sure that it is nobody's yet. Throws
   * when it was closed meanwhile: nobody would take the entry among the connections back.
   */
  enter(principal: Principal, handshake: Handshake): void {
    if (this.#isClosed) throw disconnects.connectionClosed;
    this.node.connections.admit(this, principal);
    this.#principal = principal;
    // Without a token there is nothing to bring: a cookie's client comes back with a fresh connect.
    const isRefreshable = handshake.token !== undefined && principal.expiresAt !== undefined;
    if (isRefreshable) this.#refreshable = handshake;
  }

  /** The same principal, with what has changed about it. */
  renew(principal: Principal): void {
    if (this.#isClosed) return; // nobody would take the alarm of its end back
    this.#principal = principal;
    this.#expireAt(principal.expiresAt);
  }

  /** From here on the connection lives as long as it answers pings, and its principal lasts. */
  goLive(): void {
    if (this.#isClosed) return; // opening a gate may have ended it
    this.#isLive = true;
    this.lifetime.start();
    this.#expireAt(this.principal.expiresAt);
  }

  /**
   * What was known before the connect command; kept no longer than until it is used, so that a
   * second connect is an error. From here on lateness is ours: the command's time is bounded.
   */
  takeHandshake(): Handshake {
    if (!this.#handshake) throw disconnects.badRequest;
    const handshake = this.#handshake;
    this.#handshake = null;
    this.lifetime.clientCame();
    return handshake;
  }

  /**
   * Writes a reply and opens the gates of the subscriptions that it announces, in this order:
   * a push that overtakes its reply is dropped by the client without a word.
   */
  complete(reply: Line, joined: readonly Joined[]): void {
    this.write(reply);
    for (const { subscription, position, base } of joined) {
      subscription.openGate(position, base);
      if (!subscription.hasEnded) this.node.presences.joined(subscription);
    }
  }

  onInsufficientState(subscription: Subscription): void {
    this.subscriptions.onInsufficientState(subscription);
  }

  onSubscriptionExpired(subscription: Subscription): void {
    this.subscriptions.onExpired(subscription);
  }

  async joinRoom(room: string): Promise<void> {
    await joinRoom(this, room);
  }

  async leaveRoom(room: string, whose?: Leaving): Promise<void> {
    await leaveRoom(this, room, whose);
  }

  async refreshPermissions(): Promise<void> {
    await refreshPermissions(this);
  }

  recheck(): void {
    void recheck(this);
  }

  async expel(disconnect: Disconnect): Promise<void> {
    if (this.#isClosed) this.terminate(); // it may still be saying what waited
    this.#end(disconnect, EXPEL_GRACE_MS);
    if (this.#isGone) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    (this.#onGone ??= []).push(resolve);
    await promise;
  }

  async probe(timeoutMs: number): Promise<void> {
    if (this.#isLive) await this.lifetime.probe(timeoutMs);
  }

  message(data: string): void {
    if (this.#isLive) this.write(messagePush(data));
  }

  extend(until: number | null): void {
    if (!this.#isLive) return;
    this.renew(endingAt(this.principal, until));
    if (!this.#refreshable) return;
    this.write(refreshPush(announced(this.principal.expiresAt, this.node.limits.tokenLeadMs)));
  }

  /** Awaits work, and throws when the session was closed meanwhile: its result is for nobody. */
  async whileOpen<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    if (this.#isClosed) throw disconnects.connectionClosed;
    return result;
  }

  exceeded(limit: LimitName): void {
    this.node.exceeded(limit, { client: this.id });
  }

  sendPing(): void {
    this.write(this.node.ping);
  }

  onSlow(limit: LimitName): void {
    this.exceeded(limit);
    this.close(disconnects.slow);
  }

  pong(): boolean {
    return this.lifetime.pong();
  }

  /** Its connect was refused: nothing is left but to close, which is the client's part: for so long. */
  refuse(): void {
    this.#isRefused = true;
    this.lifetime.expectClient();
  }

  /** Carries out one command, and answers it. */
  async run(command: Command, time: TimeBudget): Promise<void> {
    if (this.#isClosed || this.#isRefused) return;
    try {
      await execute(this, command, time);
    } catch (error) {
      fail(this, command, error);
    }
  }

  #expireAt(expiresAt: number | undefined): void {
    const { tokenGraceMs } = this.node.limits;
    this.lifetime.expireAt(expiresAt, this.#refreshable ? tokenGraceMs : 0);
  }

  /** Ends it with no more than why: what waits to be sent is not. */
  #end(disconnect: Disconnect, graceMs: number): void {
    if (this.#isClosed) return;
    this.#leave();
    if (disconnect !== disconnects.connectionClosed) {
      this.node.counters.countDisconnect(disconnect.code);
    }
    this.#transport.close(disconnect, graceMs);
  }

  #leave(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isLive = false;
    this.node.connections.leave(this);
    this.#handshake = null;
    this.#refreshable = null;
    this.lifetime.end();
    this.outbox.discard();
    this.#replySpace?.close();
    this.subscriptions.close();
  }
}
