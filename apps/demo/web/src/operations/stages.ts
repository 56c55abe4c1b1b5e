import type { OperationProgress } from '@trunkline/contract';

/** The stages of one attempt, as far as this page has seen them pass. */
export interface SeenStages {
  readonly attempt: number;
  readonly stages: readonly {
    readonly name: string /** Milliseconds since 1970. */;
    readonly at: number;
  }[];
}

/** Adds the stage that an event tells of, if it is news; another attempt begins anew. */
export function withStage(
  seen: SeenStages | undefined,
  { attempt = 1, stage, updatedAt }: Pick<OperationProgress, 'attempt' | 'stage' | 'updatedAt'>,
  ts: number,
): SeenStages | undefined {
  if (stage === undefined || (seen && attempt < seen.attempt)) return seen;
  const stages = seen?.attempt === attempt ? seen.stages : [];
  if (stages.some(({ name }) => name === stage)) return seen;
  return { attempt, stages: [...stages, { name: stage, at: updatedAt ?? ts }] };
}
