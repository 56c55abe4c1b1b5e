import { skipToken, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEvent } from '@/hooks/useEvent';
import { type SeenStages, withStage } from './stages.ts';

const keyOf = (id: string) => ['operation-stages', id];

/** Remembers the stages that operations go through: the server keeps the last one only. */
export function useStageMemory(): void {
  const queries = useQueryClient();
  useEvent('operation:progress', ({ data, ts }) => {
    queries.setQueryData<SeenStages>(keyOf(data.operationId), (seen) => withStage(seen, data, ts));
  });
}

/** The stages that an operation went through while this page looked. */
export function useSeenStages(id: string): SeenStages | undefined {
  return useQuery<SeenStages>({ queryKey: keyOf(id), queryFn: skipToken }).data;
}
