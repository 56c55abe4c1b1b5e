import type { Operation } from './operations.ts';
import type { ToastView } from './toast-adapter.ts';

/** The words of a toast. */
export interface ToastText {
  readonly title: string;
  readonly description: string;
}

/** How a toast looks, without its id and its end. */
export type ToastLook = Omit<ToastView, 'id' | 'onClose'>;

const SUCCESS_MS = 5000;
const CANCELLED_MS = 3000;
const NEUTRAL_MS = 3000;

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
export function endLook(operation: Operation, text: Partial<ToastText>): ToastLook {
  const { label, message, error } = operation;
  const kind = endKind(operation);
  const title = text.title ?? message ?? label;
  const description = text.description ?? error?.message ?? '';
  const announcement = description === '' ? title : `${title}. ${description}`;
  return { kind, title, description, announcement, durationMs: endDuration(kind) };
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
export function summaryLook(count: number): ToastLook {
  return {
    kind: 'running',
    title: `${count} more running`,
    description: '',
    announcement: 'More operations are running',
    durationMs: Number.POSITIVE_INFINITY,
  };
}

/** 100 % is the word of the end, not of the progress. */
function shownPercentage({ percentage }: Operation): number | undefined {
  return percentage === undefined ? undefined : Math.min(99, Math.floor(percentage));
}

function runningDescription({ percentage, message, attempt, isStalled }: Operation): string {
  if (isStalled) return 'No news for a while';
  const now = percentage === 100 ? 'Finalising' : (message ?? '');
  if (attempt === 1) return now;
  return now === '' ? `Retrying (${attempt})` : `Retrying (${attempt}): ${now}`;
}

function endKind({ state }: Operation): 'success' | 'error' | 'cancelled' {
  if (state === 'succeeded') return 'success';
  return state === 'cancelled' ? 'cancelled' : 'error';
}

function endDuration(kind: 'success' | 'error' | 'cancelled'): number {
  if (kind === 'success') return SUCCESS_MS;
  return kind === 'cancelled' ? CANCELLED_MS : Number.POSITIVE_INFINITY;
}
