import { setTimeout as sleep } from 'node:timers/promises';
import {
  defineOperation,
  type OperationHandle,
  type Operations,
  UserFacingError,
} from '@trunkline/operations';
import { now, principalOf } from './cast.ts';
import type { Interference, StatementKind } from './watched-database.ts';

/** Where an `operations.run` stands when its database goes away. */
export type Moment =
  | 'before-insert'
  | 'answer-lost'
  | 'behind-insert'
  | 'in-progress'
  | 'before-end'
  | 'anywhere'
  /** Its work fails in the end, by itself. */
  | 'failing';

/** So many calls of `run`, each by somebody. */
export interface RunOrder {
  readonly moments: readonly Moment[];
  readonly each: number;
  readonly tenant: string;
  readonly users: number;
  readonly steps: number;
  readonly stepMs: number;
}

/** What a caller of `run` got. */
export interface RunOutcome {
  readonly moment: Moment;
  /** `null`: the work has never begun. */
  readonly id: string | null;
  /** `resolved`, or the error's name and message. */
  readonly got: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** From the end of the work; of work that did not begin: from when it was let go. */
  readonly lateMs: number;
}

const PREFIX = 'lab-run-';

/** The type of the operations that are held at this moment. */
export function typeOf(moment: Moment): string {
  return PREFIX + moment;
}

/** Calls of `operations.run`, held at a statement until they are let go. */
export class Runs implements Interference {
  readonly #outcomes: Promise<RunOutcome>[] = [];
  /** The moments of operations, by id: a statement names no more. */
  readonly #moments = new Map<string, Moment>();
  #release = Promise.withResolvers<void>();
  #isArmed = false;
  #releasedAt = 0;
  /** How many are held. */
  held = 0;

  /** Calls `run`, and does not wait. */
  begin(operations: Operations, order: RunOrder, isHeld: boolean): void {
    this.#isArmed = isHeld;
    for (const moment of order.moments) {
      for (let n = 0; n < order.each; n += 1) {
        this.#outcomes.push(this.#run(operations, order, moment, `u${n % order.users}`));
      }
    }
  }

  release(): void {
    this.#isArmed = false;
    this.#releasedAt = now();
    this.#release.resolve();
    this.#release = Promise.withResolvers();
    this.held = 0;
  }

  /** When every caller has got something. */
  async outcomes(): Promise<RunOutcome[]> {
    return await Promise.all(this.#outcomes.splice(0));
  }

  async before(kind: StatementKind, parameters: readonly unknown[]): Promise<void> {
    const moment = this.#momentOf(kind, parameters);
    if (kind === 'insert' && moment === 'before-insert') await this.#hold();
    if (kind === 'progress' && moment === 'in-progress') await this.#hold();
    if (kind === 'end' && moment === 'before-end') await this.#hold();
  }

  async after(kind: StatementKind, parameters: readonly unknown[]): Promise<void> {
    if (kind !== 'insert') return;
    const moment = this.#momentOf(kind, parameters);
    if (moment === 'behind-insert' || moment === 'answer-lost') await this.#hold();
    if (moment === 'answer-lost') throw new Error('Connection terminated unexpectedly');
  }

  async #hold(): Promise<void> {
    if (!this.#isArmed) return;
    this.held += 1;
    await this.#release.promise;
  }

  #momentOf(kind: StatementKind, [id, ...others]: readonly unknown[]): Moment | undefined {
    const texts = others.filter((value) => typeof value === 'string');
    const type = kind === 'insert' ? texts.find((text) => text.startsWith(PREFIX)) : undefined;
    if (type) this.#moments.set(String(id), type.slice(PREFIX.length) as Moment);
    return this.#moments.get(String(id));
  }

  async #run(
    operations: Operations,
    { tenant, steps, stepMs }: RunOrder,
    moment: Moment,
    user: string,
  ): Promise<RunOutcome> {
    const as = principalOf(`${tenant}/${user}/`);
    if (!as) throw new Error(`${tenant} is no tenant`);
    const definition = defineOperation<unknown, string>(typeOf(moment));
    let id: string | null = null;
    let endedAt = 0;
    const work = async (operation: OperationHandle) => {
      ({ id } = operation);
      for (let step = 1; step <= steps; step += 1) {
        await operation.progress({ percentage: (100 * step) / steps });
        await sleep(stepMs);
      }
      endedAt = now();
      if (moment === 'failing') throw new UserFacingError('It was to fail');
      return `result of ${operation.id}`;
    };
    const got = await operations.run(definition, { as }, work).then(
      (result) => (result === `result of ${id}` ? 'resolved' : `resolved with ${result}`),
      (error: unknown) => String(error),
    );
    const at = now();
    return { moment, id, got, at, lateMs: at - (endedAt || this.#releasedAt) };
  }
}
