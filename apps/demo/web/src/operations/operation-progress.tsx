import { isTerminal } from '@trunkline/contract';
import { ProgressBar } from '../ui/progress-bar.tsx';
import type { OperationRow } from './rows.ts';
import { percentageOf, subjectOf } from './words.ts';

/** How far an operation is; nothing of one that has ended, or has not begun. */
export function OperationProgress({ row }: { row: OperationRow }) {
  const { state, label } = row;
  if (isTerminal(state) || state === 'queued') return null;
  const percentage = percentageOf(row);
  return (
    <div className="flex items-center gap-3">
      <ProgressBar
        label={[label, subjectOf(row)].filter(Boolean).join(' of ')}
        percentage={percentage}
        className="flex-1"
      />
      <span className="w-9 text-right text-xs text-muted tabular-nums" aria-hidden="true">
        {percentage === undefined ? '' : `${percentage}%`}
      </span>
    </div>
  );
}
