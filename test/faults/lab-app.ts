import type { Node, NodeOptions } from '@trunkline/server';
import type { Session, SessionInit } from '@trunkline/server/testing';
import type { Answers } from '../lab/child.ts';
import type { NodeSetup } from './node-setup.ts';
import type { Publisher } from './publisher.ts';

/** The app of an experiment whose nodes must do more than the lab's: a module exports it as `app`. */
export interface LabApp {
  /** In the place of the lab's own. */
  readonly options?: (setup: NodeSetup) => Partial<NodeOptions>;
  /** Makes the sessions. */
  readonly session?: (init: SessionInit) => Session;
  /** What its nodes can be asked on top, by `NodeProcess.ask`. */
  readonly answers?: (node: Node, publisher: Publisher) => Answers;
}
