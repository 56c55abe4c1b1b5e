import type { Broker, Publication, StreamPosition } from '../broker/broker.ts';
import type { Channels } from '../channels.ts';
import type { HistoryLimits } from '../limits.ts';
import { describeError } from '../log.ts';
import type { Node } from '../node.ts';
import { NodeGoneError, NodesUnreachableError } from './errors.ts';
import { ClusterHandlers, UnknownCommandError } from './handlers.ts';
import {
  type Answer,
  type ClusterMessage,
  encodeMessage,
  maxLengthOf,
  type Notice,
  type Order,
  parseMessage,
  type Question,
} from './message.ts';
import { type ClusterNode, ClusterNodes } from './nodes.ts';
import { SentOrders } from './orders.ts';
import { ClusterQuestions } from './questions.ts';

/** What one node has answered in a survey, or why it has not. */
export type SurveyAnswer = { readonly answer: unknown } | { readonly error: string };

// No channels' keys, so that nothing of them can reach a client.
const CONTROL = '!control';
const inboxOf = (nodeId: string): string => `!node:${nodeId}`;

const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;
/** A node that was cut off for so long hears of what was ordered; after more it asks about everybody. */
const KEPT: HistoryLimits = { size: 10_000, ttlMs: 10 * MINUTE_MS, maxBytes: 4 * MIB };

/**
 * How the nodes that share a broker talk with each other, by the broker's own means alone: orders come to
 * all of them on a stream that is kept, so that one that was cut off hears of them when it is back, and
 * questions and answers to one on a channel of its own. What comes from there is data (S35): nothing but
 * what is registered for its kind is ever done. Where no other node shares the broker, nothing happens.
 */
export class Cluster {
  readonly #node: Node;
  readonly #broker: Broker;
  readonly #maxLength: number;
  readonly #handlers: ClusterHandlers;
  readonly #nodes: ClusterNodes;
  readonly #orders: SentOrders;
  readonly #questions: ClusterQuestions;
  #channels: Channels | null = null;
  #regaining: Promise<void> | undefined;
  /** What is done because orders were lost. */
  #rechecking: Promise<void> = Promise.resolve();

  #isAttached = false;

  constructor(node: Node, broker: Broker) {
    const { id: nodeId, limits } = node;
    this.#node = node;
    this.#broker = broker;
    this.#maxLength = maxLengthOf(limits);
    this.#handlers = new ClusterHandlers(Math.min(2 * limits.orderTimeoutMs, MINUTE_MS));
    this.#nodes = new ClusterNodes({
      ...{ nodeId, broker, limits },
      loadOf: () => ({ ...node.stats(), isAttached: this.#isAttached }),
      onError: (error) => this.#failed('naming of the node', error),
    });
    this.#orders = new SentOrders({
      ...{ nodeId, nodes: this.#nodes, timeoutMs: limits.orderTimeoutMs },
      publish: (order) => this.#publishKept(order),
      publishAgain: (to, order) => this.#write(to, order),
    });
    this.#questions = new ClusterQuestions({
      ...{ nodeId, nodes: this.#nodes, timeoutMs: limits.answerTimeoutMs },
      publish: (to, question) => this.#publish(inboxOf(to), question),
      onLate: (to) => node.exceeded('answerTimeoutMs', { node: to }),
    });
    this.on(
      'stats',
      () => true,
      () => node.stats(),
    );
  }

  /** How many nodes there were when this one looked last, itself included. */
  get size(): number {
    return this.#broker.isShared ? this.#nodes.count : 1;
  }

  /**
   * Registers what is done when another node orders, asks or mentions something of this kind. `parse`
   * says `null` of data that is malformed: it is refused.
   */
  on<T>(
    kind: string,
    parse: (data: unknown) => T | null,
    carryOut: (data: T, from: string) => unknown,
  ): void {
    this.#handlers.on(kind, parse, carryOut);
  }

  /** The node has a door from now on: what others order may concern somebody here. */
  attached(): void {
    if (this.#isAttached) return;
    this.#isAttached = true;
    if (this.#channels) void this.#nodes.renew();
  }

  /** Resolves when this node hears the others, and they know of it. */
  async start(channels: Channels): Promise<void> {
    const { id } = this.#node;
    if (!this.#broker.isShared) return;
    this.#channels = channels;
    await channels.hear(
      CONTROL,
      { deliver: (order) => this.#ordered(order), lose: (top) => this.#lost(top) },
      true,
    );
    const deliver = (message: Publication) => this.#written(message);
    await channels.hear(inboxOf(id), { deliver, lose: () => {} }, false);
    const { top } = await channels.history(CONTROL, null);
    await this.#nodes.start(top);
  }

  /** Resolves when the others know that it has gone, or cannot be told. */
  async stop(channels: Channels): Promise<void> {
    if (!this.#broker.isShared) return;
    this.#orders.stop();
    const leaving = [
      this.#nodes.stop(),
      channels.leave(CONTROL),
      channels.leave(inboxOf(this.#node.id)),
    ];
    for (const left of await Promise.allSettled(leaving)) {
      if (left.status === 'rejected') this.#failed('leaving of the nodes', left.reason);
    }
  }

  /**
   * Has this node heard of everything that was ordered while others may have thought it gone, and did not
   * wait for it? Until then nothing may be delivered: some of it may be nobody's business any more.
   */
  get mayDeliver(): boolean {
    return !this.#broker.isShared || this.#nodes.isCounted;
  }

  /** Resolves when it may be delivered again. Rejects as the broker does. */
  async regain(): Promise<void> {
    this.#regaining ??= this.#nodes.comeBack(() => this.#catchUp());
    try {
      await this.#regaining;
    } finally {
      this.#regaining = undefined;
    }
  }

  /** The broker was cut off. */
  resumed(): void {
    if (this.#broker.isShared) this.#nodes.doubt();
  }

  /** The nodes that live, this one included. */
  async nodes(): Promise<readonly ClusterNode[]> {
    if (this.#broker.isShared) return await this.#nodes.list();
    return [this.#nodes.self];
  }

  /**
   * Has all other nodes carry out something. Resolves when each of them has, or is gone. Rejects as the
   * broker does; with `NodesUnreachableError` when that takes longer than `limits.orderTimeoutMs`, and with
   * `OrderFailedError` when one could not. Calls are published in their order.
   */
  async order(kind: string, data: unknown): Promise<void> {
    if (!this.#broker.isShared) return;
    try {
      await this.#orders.send(kind, data);
    } catch (error) {
      this.#node.counters.count('ordersUnconfirmed');
      if (error instanceof NodesUnreachableError) {
        this.#node.exceeded('orderTimeoutMs', { kind, nodes: error.nodes });
      }
      throw error;
    }
  }

  /** Says something to all other nodes: not kept, and nobody waits for what comes of it. */
  async broadcast(kind: string, data: unknown): Promise<void> {
    if (!this.#broker.isShared) return;
    await this.#publish(CONTROL, { type: 'notice', from: this.#node.id, kind, data });
  }

  /**
   * Asks one node, and resolves with its answer. Rejects with `NodeGoneError` when there is none such, with
   * `UnansweredError` when it could not answer or did not in `limits.answerTimeoutMs`, and as the broker does.
   * Calls to one node reach it in their order.
   */
  async ask(nodeId: string, kind: string, data: unknown): Promise<unknown> {
    const { id: from } = this.#node;
    if (nodeId === from) return await this.#handlers.carryOut({ kind, data, from });
    if (!this.#broker.isShared) throw new NodeGoneError(nodeId);
    return await this.#questions.ask(nodeId, kind, data);
  }

  /** Asks all nodes, this one included; resolves when each has answered or said nothing for too long. */
  async survey(kind: string, data: unknown): Promise<ReadonlyMap<string, SurveyAnswer>> {
    const nodes = await this.nodes();
    const answers = nodes.map(async ({ id }): Promise<[string, SurveyAnswer]> => {
      const [answer] = await Promise.allSettled([this.ask(id, kind, data)]);
      return answer.status === 'fulfilled'
        ? [id, { answer: answer.value }]
        : [id, { error: describeError(answer.reason) }];
    });
    return new Map(await Promise.all(answers));
  }

  /** Something has come for all nodes. */
  #ordered({ data }: Publication): void {
    const message = this.#parse(data);
    if (message?.from === this.#node.id) return;
    if (message?.type === 'order') void this.#confirm(message);
    else if (message?.type === 'notice') void this.#hear(message);
    else this.#refuse('what came to all nodes is no order');
  }

  /** Something has come for this node alone. */
  #written({ data }: Publication): void {
    const message = this.#parse(data);
    if (message?.type === 'question') void this.#answer(message);
    else if (message?.type === 'order') void this.#confirm(message);
    else if (message?.type === 'answer') this.#take(message);
    else this.#refuse('what came to this node alone is no question, no order and no answer');
  }

  #take(answer: Answer): void {
    // What is late is answered, too, and nobody waits for it any more.
    if (!this.#orders.answered(answer)) this.#questions.answered(answer);
  }

  async #confirm(order: Order): Promise<void> {
    const carryOut = async () => {
      this.#node.counters.count('ordersCarriedOut');
      await this.#carryOut(order);
    };
    const problem = await this.#handlers.carryOutOnce(order, carryOut);
    this.#reply(order, problem === null ? {} : { error: problem });
  }

  async #answer(question: Question): Promise<void> {
    try {
      this.#reply(question, { data: await this.#carryOut(question) });
    } catch (error) {
      this.#reply(question, { error: describeError(error) });
    }
  }

  /** Who is not concerned by a kind of notice has no handler for it, and need not. */
  async #hear(notice: Notice): Promise<void> {
    if (!this.#handlers.has(notice.kind)) return;
    try {
      await this.#carryOut(notice);
    } catch (error) {
      this.#failed(`what another node has said (${notice.kind})`, error);
    }
  }

  async #carryOut(command: Order | Question | Notice): Promise<unknown> {
    try {
      return await this.#handlers.carryOut(command);
    } catch (error) {
      if (error instanceof UnknownCommandError) this.#refuse(error.message, command.from);
      throw error;
    }
  }

  #reply(
    { id: to, from: nodeId }: Order | Question,
    outcome: Pick<Answer, 'data' | 'error'>,
  ): void {
    this.#write(nodeId, { type: 'answer', from: this.#node.id, to, ...outcome });
  }

  /** Orders may have been missed for good: what each connection may is asked again, and that is as good. */
  #lost(top: StreamPosition): void {
    const { counters, log } = this.#node;
    counters.count('ordersLost');
    log.warn('orders_lost', { from: this.#nodes.follows?.offset ?? 0, to: top.offset });
    this.#nodes.sawEpoch(top.epoch);
    this.#rechecking = this.#recheck(top);
  }

  async #recheck(top: StreamPosition): Promise<void> {
    await this.#node.users.recheckAll();
    await this.#nodes.follow(top);
  }

  async #catchUp(): Promise<void> {
    await this.#channels?.catchUp(CONTROL);
    await Promise.all([this.#handlers.settled(), this.#rechecking]);
  }

  /** To one node, which may miss it: whoever waits for it asks again, or gives up. */
  #write(nodeId: string, message: Order | Answer): void {
    this.#publish(inboxOf(nodeId), message).catch((error: unknown) => {
      this.#failed('writing to another node', error);
    });
  }

  async #publishKept(order: Order): Promise<StreamPosition> {
    const text = encodeMessage(order, this.#maxLength);
    const position = await this.#broker.publish(CONTROL, text, { history: KEPT });
    this.#node.counters.count('orders');
    this.#nodes.sawEpoch(position.epoch);
    return position;
  }

  async #publish(channel: string, message: ClusterMessage): Promise<void> {
    const text = encodeMessage(message, this.#maxLength);
    await this.#broker.publish(channel, text, { history: null });
  }

  #parse(text: string): ClusterMessage | null {
    return parseMessage(text, this.#maxLength);
  }

  #refuse(reason: string, from?: string): void {
    this.#node.counters.count('clusterRefused');
    this.#node.refused('cluster_message_refused', {
      reason,
      ...(from === undefined ? {} : { from }),
    });
  }

  #failed(what: string, error: unknown): void {
    this.#node.log.warn('broker_failed', { what, error: describeError(error) });
  }
}
