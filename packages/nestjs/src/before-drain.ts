import { Inject, Injectable } from '@nestjs/common';
import { defaultDrain, describeError, type Node, withTimeout } from '@trunkline/server';
import { NODE, OPTIONS, type WebSocketModuleOptions } from './options.ts';

/** What is done on shutdown before the node says good-bye: while its clients can still hear of it. */
@Injectable()
export class BeforeDrain {
  /** Within how many milliseconds of the node's refusing newcomers all of it is over, good-byes included. */
  readonly deadlineMs: number;
  readonly #node: Node;
  readonly #tasks: (() => Promise<void>)[] = [];

  constructor(@Inject(OPTIONS) { drain }: WebSocketModuleOptions, @Inject(NODE) node: Node) {
    this.deadlineMs = drain?.deadlineMs ?? defaultDrain.deadlineMs;
    this.#node = node;
  }

  /** Must not reject: the good-bye comes in any case. */
  add(task: () => Promise<void>): void {
    this.#tasks.push(task);
  }

  /** What hangs is left behind at the deadline. */
  async run(): Promise<void> {
    const leftMs = Math.max(0, this.deadlineMs - this.#node.beginDrain());
    const late = () => new Error(`It has not come to its end in ${this.deadlineMs} ms`);
    const running = Promise.all(this.#tasks.map((task) => task()));
    try {
      await withTimeout(running, leftMs, late);
    } catch (error) {
      this.#node.log.error('shutdown_task_failed', { error: describeError(error) });
    }
  }
}
