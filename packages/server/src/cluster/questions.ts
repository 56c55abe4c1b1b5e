import { randomUUID } from 'node:crypto';
import { Sequences } from '../sequences.ts';
import { withTimeout } from '../with-timeout.ts';
import { NodeGoneError, UnansweredError } from './errors.ts';
import type { Answer, Question } from './message.ts';
import type { ClusterNodes } from './nodes.ts';

/** What the asking of other nodes works with. */
export interface ClusterQuestionsOptions {
  readonly nodeId: string;
  readonly nodes: ClusterNodes;
  readonly timeoutMs: number;
  readonly publish: (nodeId: string, question: Question) => Promise<unknown>;
  readonly onLate: (nodeId: string) => void;
}

/** A question that has no answer yet. */
interface Asked {
  readonly question: Question;
  /** Nobody waits for its answer any more. */
  isOver: boolean;
  resolve(data: unknown): void;
  reject(reason: Error): void;
}

/** Questions that may wait for an answer of one live node: strangers ask some, and it may be frozen. */
const MAX_ASKED = 200;

/** What this node asks others. */
export class ClusterQuestions {
  readonly #options: ClusterQuestionsOptions;
  /** By node, then by id: of nodes that there are, so that it is bounded. */
  readonly #asked = new Map<string, Map<string, Asked>>();
  /** Those to one node are put in the order of the calls, however long it takes to find it. */
  readonly #puts = new Sequences();

  constructor(options: ClusterQuestionsOptions) {
    this.#options = options;
  }

  /** As `Cluster.ask`. */
  async ask(nodeId: string, kind: string, data: unknown): Promise<unknown> {
    const { nodeId: from } = this.#options;
    const question: Question = { type: 'question', id: randomUUID(), from, kind, data };
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const asked: Asked = { question, isOver: false, resolve, reject };
    this.#puts.run(nodeId, () => this.#put(nodeId, asked)).catch(reject);
    try {
      return await this.#inTime(nodeId, promise);
    } finally {
      asked.isOver = true;
      this.#forget(nodeId, question.id);
    }
  }

  /** Another node has answered. `false`: nothing that it was asked and that is still waited for. */
  answered({ to, from, data, error }: Answer): boolean {
    const asked = this.#asked.get(from)?.get(to);
    if (!asked) return false;
    if (error === undefined) asked.resolve(data);
    else asked.reject(new UnansweredError(`Node ${from} could not answer: ${error}`));
    return true;
  }

  async #inTime(nodeId: string, answer: Promise<unknown>): Promise<unknown> {
    const { timeoutMs, nodes, onLate } = this.#options;
    let isLate = false;
    const late = () => {
      isLate = true;
      return new UnansweredError(
        `Node ${nodeId} did not answer in ${timeoutMs} ms (limits.answerTimeoutMs)`,
      );
    };
    try {
      return await withTimeout(answer, timeoutMs, late);
    } catch (error) {
      if (!isLate) throw error;
      onLate(nodeId);
      const left = await nodes.list();
      throw left.some(({ id }) => id === nodeId) ? error : new NodeGoneError(nodeId);
    }
  }

  async #put(nodeId: string, asked: Asked): Promise<void> {
    const { nodes, publish } = this.#options;
    if (!(await nodes.has(nodeId))) throw new NodeGoneError(nodeId);
    if (asked.isOver) return;
    this.#remember(nodeId, asked);
    publish(nodeId, asked.question).catch((error: Error) => asked.reject(error));
  }

  #remember(nodeId: string, asked: Asked): void {
    const ofNode = this.#asked.get(nodeId) ?? new Map<string, Asked>();
    if (ofNode.size >= MAX_ASKED) {
      throw new UnansweredError(
        `Not asked: ${MAX_ASKED} other questions wait for answers of node ${nodeId}`,
      );
    }
    this.#asked.set(nodeId, ofNode.set(asked.question.id, asked));
  }

  #forget(nodeId: string, id: string): void {
    const ofNode = this.#asked.get(nodeId);
    ofNode?.delete(id);
    if (ofNode?.size === 0) this.#asked.delete(nodeId);
  }
}
