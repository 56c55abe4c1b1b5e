import type { OperationState } from '@trunkline/contract';
import type { CSSProperties } from 'react';

/** A piece of `<OperationsPanel/>` that can have a class. */
export type OperationsPanelPart =
  | 'title'
  | 'list'
  | 'item'
  | 'head'
  | 'name'
  | 'state'
  | 'text'
  | 'bar'
  | 'fill'
  | 'foot'
  | 'time'
  | 'button'
  | 'error'
  | 'empty';

/** A word of `<OperationsPanel/>`: of a state, or of itself. */
export type OperationsPanelLabel =
  | OperationState
  | 'title'
  | 'loading'
  | 'empty'
  | 'cancel'
  | 'retry'
  | 'more';

const LABELS: Record<OperationsPanelLabel, string> = {
  title: 'Operations',
  loading: 'Loading…',
  empty: 'Nothing is running, and nothing has ended lately.',
  cancel: 'Cancel',
  retry: 'Retry',
  more: 'Show older',
  queued: 'Waiting',
  running: 'Running',
  cancelling: 'Cancelling…',
  succeeded: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  crashed: 'Interrupted',
};

const STYLES: Record<OperationsPanelPart, CSSProperties> = {
  title: { margin: '0 0 .5rem', fontSize: '1rem' },
  list: { display: 'grid', gap: '.5rem', margin: 0, padding: 0, listStyle: 'none' },
  item: {
    display: 'grid',
    gap: '.25rem',
    padding: '.75rem',
    border: '1px solid color-mix(in srgb, currentColor 20%, transparent)',
    borderRadius: '.5rem',
  },
  head: { display: 'flex', justifyContent: 'space-between', gap: '1rem' },
  name: { fontWeight: 600 },
  state: { opacity: 0.8, whiteSpace: 'nowrap' },
  text: { margin: 0, opacity: 0.8, overflowWrap: 'anywhere' },
  bar: {
    height: 4,
    borderRadius: 2,
    overflow: 'hidden',
    background: 'color-mix(in srgb, currentColor 15%, transparent)',
  },
  fill: { height: '100%', background: 'currentColor', transition: 'width .2s' },
  foot: { display: 'flex', alignItems: 'center', justifyContent: 'space-between', gap: '1rem' },
  time: { fontSize: '.875em', opacity: 0.7 },
  button: { font: 'inherit', fontSize: '.875em', cursor: 'pointer' },
  error: { margin: 0, color: '#cf222e' },
  empty: { margin: 0, opacity: 0.8 },
};

/** What an app has said about the look of its panel. */
export interface PanelWishes {
  readonly classNames?: Partial<Record<OperationsPanelPart, string>> | undefined;
  readonly labels?: Partial<Record<OperationsPanelLabel, string>> | undefined;
  readonly locale?: string | undefined;
}

/** What the pieces of one panel have in common. */
export interface PanelLook {
  /** The app's class for a piece, or else the built-in style. */
  readonly part: (part: OperationsPanelPart) => { className?: string; style?: CSSProperties };
  readonly label: (label: OperationsPanelLabel) => string;
  readonly locale: string | undefined;
}

/** The look that an app's wishes make. */
export function panelLook({ classNames, labels, locale }: PanelWishes): PanelLook {
  return {
    part: (part) => {
      const className = classNames?.[part];
      return className === undefined ? { style: STYLES[part] } : { className };
    },
    label: (label) => labels?.[label] ?? LABELS[label],
    locale,
  };
}
