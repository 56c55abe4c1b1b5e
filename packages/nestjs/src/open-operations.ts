import { Operations } from '@trunkline/operations';
import { describeError, type Node } from '@trunkline/server';
import type { BeforeDrain } from './before-drain.ts';
import { answerOperationCalls } from './operation-calls.ts';
import { AmbientOperationContext } from './operation-context.ts';
import { operationHints } from './operation-hints.ts';
import { operationPublisher } from './operation-publisher.ts';
import type { OperationsFactoryOptions, OperationsModuleOptions } from './operations-options.ts';
import { ConfigurationError } from './options.ts';

/** What operations are told through, and closed before. */
interface Surroundings {
  readonly node: Node;
  readonly beforeDrain: BeforeDrain;
}

const DEFAULT_GRACE_MS = 5000;

/** Opens the operations of an application, which take no durable work before their `begin()`. */
export async function openOperations(
  options: OperationsFactoryOptions,
  { node, beforeDrain }: Surroundings,
): Promise<Operations> {
  checkOptions(options);
  const { shutdownGraceMs, ...others } = options;
  const graceMs = graceOf(shutdownGraceMs, beforeDrain.deadlineMs);
  const operations = await Operations.open({
    log: node.log,
    ...others,
    isPaused: true,
    publish: operationPublisher(node),
    hints: operationHints(node),
    context: new AmbientOperationContext(node),
  });
  answerOperationCalls(node, operations);
  beforeDrain.add(() => close(operations, graceMs, node));
  return operations;
}

async function close(operations: Operations, graceMs: number, { log }: Node): Promise<void> {
  try {
    await operations.close({ graceMs });
  } catch (error) {
    log.error('operations_not_closed', { error: describeError(error) });
  }
}

/** The grace is part of the time that a drain has, and leaves some of it to the good-byes. */
function graceOf(graceMs: number | undefined, deadlineMs: number): number {
  if (graceMs === undefined) return Math.min(DEFAULT_GRACE_MS, deadlineMs / 2);
  if (graceMs >= 0 && graceMs <= deadlineMs) return graceMs;
  throw new ConfigurationError(
    `shutdownGraceMs is a number from 0 to the drain.deadlineMs of WebSocketModule (${deadlineMs}), which it is part of, got ${graceMs}`,
  );
}

function checkOptions(options: Partial<OperationsModuleOptions>): void {
  const { database } = options;
  if (typeof database?.isExclusive !== 'boolean' || typeof database.transaction !== 'function') {
    throw new ConfigurationError(
      'OperationsModule.forRoot needs database: fromPg(pool) or fromPglite(client)',
    );
  }
  if (Object.hasOwn(options, 'http')) {
    throw new ConfigurationError(
      'The option http of OperationsModule.forRootAsync stands beside useFactory: routes are made before it runs',
    );
  }
}
