import { isTerminal, type OperationState } from '@trunkline/contract';
import { formatDuration } from '../ui/times.ts';
import type { OperationRow } from './rows.ts';

/** What a state is called. */
export const STATE_NAMES: Readonly<Record<OperationState, string>> = {
  queued: 'Waiting',
  running: 'Running',
  cancelling: 'Cancelling',
  succeeded: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  crashed: 'Interrupted',
};

/** What it is about: the file, the format, the tenant. */
export function subjectOf({ labels }: Pick<OperationRow, 'labels'>): string | undefined {
  return labels['file'] ?? labels['tenant'] ?? labels['format']?.toUpperCase();
}

/** What it is doing, or how it has ended; empty: the state says it all. */
export function lineOf({ state, message, error }: OperationRow): string {
  switch (state) {
    case 'queued':
      return 'Waiting to start';
    case 'succeeded':
      return message ?? '';
    case 'failed':
    case 'crashed':
      return error?.message ?? '';
    case 'cancelled':
      return '';
    default:
      return message ?? '';
  }
}

/** The percentage that is shown: 100 % is the word of the end. */
export function percentageOf({ state, percentage }: OperationRow): number | undefined {
  if (isTerminal(state) || percentage === undefined) return undefined;
  return Math.min(99, Math.floor(percentage));
}

/** `took 12 s`, `running for 3 s`; empty: nobody has said when it began. */
export function durationOf({ startedAt, finishedAt }: OperationRow, now: number): string {
  if (startedAt === undefined) return '';
  if (finishedAt !== undefined) return `took ${formatDuration(finishedAt - startedAt)}`;
  return `running for ${formatDuration(now - startedAt)}`;
}

/** `attempt 2 of 3`; empty: it is the first one. */
export function attemptOf({ attempt, maxAttempts }: OperationRow): string {
  if (attempt === 1) return '';
  return attempt > maxAttempts ? `attempt ${attempt}` : `attempt ${attempt} of ${maxAttempts}`;
}
