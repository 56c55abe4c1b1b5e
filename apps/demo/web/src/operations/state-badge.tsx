import type { OperationState } from '@trunkline/contract';
import {
  Ban,
  CircleAlert,
  CircleCheck,
  Clock,
  LoaderCircle,
  type LucideIcon,
  Unplug,
} from 'lucide-react';
import { classNames } from '../ui/class-names.ts';
import { STATE_NAMES } from './words.ts';

interface Look {
  readonly icon: LucideIcon;
  readonly colour: string;
}

const BUSY: Look = { icon: LoaderCircle, colour: 'text-accent [&_svg]:animate-spin' };
const LOOKS: Readonly<Record<OperationState, Look>> = {
  queued: { icon: Clock, colour: 'text-muted' },
  running: BUSY,
  cancelling: BUSY,
  succeeded: { icon: CircleCheck, colour: 'text-success' },
  failed: { icon: CircleAlert, colour: 'text-danger' },
  cancelled: { icon: Ban, colour: 'text-muted' },
  crashed: { icon: Unplug, colour: 'text-danger' },
};

interface StateBadgeProps {
  state: OperationState;
  className?: string;
}

/** Where an operation stands, as a sign and a word. */
export function StateBadge({ state, className }: StateBadgeProps) {
  const { icon: Icon, colour } = LOOKS[state];
  return (
    <span
      className={classNames(
        'inline-flex items-center gap-1.5 text-[0.8125rem] font-medium whitespace-nowrap',
        colour,
        className,
      )}
    >
      <Icon className="size-4 shrink-0" aria-hidden="true" />
      {STATE_NAMES[state]}
    </span>
  );
}
