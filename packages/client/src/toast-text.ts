import { isTerminal } from '@trunkline/contract';
import type { Operation } from './operation.ts';
import type { ToastAction, ToastView } from './toast-adapter.ts';

/** What an app can say in a toast. */
export interface ToastText {
  readonly title: string;
  readonly description: string;
  /**
   * On the button, where there is one: `Cancel`, `Retry`. Or a button of the app's own, which the toast of
   * the end then has instead.
   */
  readonly action: string | ToastAction;
}

/** How a toast looks, without its id and its end. */
export type ToastLook = Omit<ToastView, 'id' | 'onClose'>;

const SUCCESS_MS = 5000;
/** Long enough to find the button, and to press it. */
const ACTION_MS = 10_000;
const CANCELLED_MS = 3000;
const NEUTRAL_MS = 3000;
const AWAY = 'While you were away';

/** A running operation: `User Import - 30%`, and what it is doing. */
export function runningLook(operation: Operation, text: Partial<ToastText>): ToastLook {
  const { label } = operation;
  const percentage = shownPercentage(operation);
  const title = percentage === undefined ? label : `${label} - ${percentage}%`;
  return {
    kind: 'running',
    title: text.title ?? title,
    description: text.description ?? runningDescription(operation),
    ...(percentage === undefined ? {} : { percentage }),
    announcement: (percentage ?? 0) < 50 ? `${label} started` : `${label} is half done`,
    durationMs: Number.POSITIVE_INFINITY,
  };
}

/** An operation that has ended: its own last words, else `User Import completed`. */
export function endLook(operation: Operation, text: Partial<ToastText>, isAway = false): ToastLook {
  const { label, message } = operation;
  const kind = endKind(operation);
  const title = text.title ?? message ?? label;
  const why = text.description ?? endReason(operation);
  const description = isAway ? [AWAY, why].filter((part) => part !== '').join(': ') : why;
  const announcement = description === '' ? title : `${title}. ${description}`;
  const shortestMs = typeof text.action === 'object' ? ACTION_MS : 0;
  const durationMs = Math.max(shortestMs, endDuration(kind));
  return { kind, title, description, announcement, durationMs };
}

/** An operation that goes on where no page shows it. */
export function backgroundLook({ label }: Operation): ToastLook {
  const title = `${label} is running in the background`;
  return {
    kind: 'running',
    title,
    description: '',
    announcement: title,
    durationMs: NEUTRAL_MS,
  };
}

/** The operations that there is no room for: `27 more running`. */
export function summaryLook(count: number, onShowAll: (() => void) | undefined): ToastLook {
  return {
    kind: 'running',
    title: `${count} more running`,
    description: '',
    announcement: 'More operations are running',
    durationMs: Number.POSITIVE_INFINITY,
    ...(onShowAll ? { action: { label: 'Show all', onClick: onShowAll } } : {}),
  };
}

/** The percentage that is shown: 100 % is the word of the end, not of the progress. */
export function shownPercentage({ percentage }: Operation): number | undefined {
  return percentage === undefined ? undefined : Math.min(99, Math.floor(percentage));
}

/** What an operation is doing, or why it has ended as it has; empty: nothing to say. */
export function operationText(operation: Operation): string {
  if (!isTerminal(operation.state)) return runningDescription(operation);
  return operation.state === 'succeeded' ? (operation.message ?? '') : endReason(operation);
}

/** That it was cancelled says the state. */
function endReason({ isStored, state, error }: Operation): string {
  return isStored && state === 'cancelled' ? '' : (error?.message ?? '');
}

function runningDescription(operation: Operation): string {
  const { state, attempt, isStalled } = operation;
  if (state === 'cancelling') return 'Cancelling…';
  if (isStalled) return 'No news for a while';
  const now = doing(operation);
  if (attempt === 1) return now;
  return now === '' ? `Retrying (${attempt})` : `Retrying (${attempt}): ${now}`;
}

function doing({ state, percentage, message }: Operation): string {
  if (state === 'queued') return 'Waiting to start';
  return percentage === 100 ? 'Finalising' : (message ?? '');
}

function endKind({ state }: Operation): 'success' | 'error' | 'cancelled' {
  if (state === 'succeeded') return 'success';
  return state === 'cancelled' ? 'cancelled' : 'error';
}

function endDuration(kind: 'success' | 'error' | 'cancelled'): number {
  if (kind === 'success') return SUCCESS_MS;
  return kind === 'cancelled' ? CANCELLED_MS : Number.POSITIVE_INFINITY;
}
