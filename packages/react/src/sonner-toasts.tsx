import { isDevelopment, type ToastAdapter, type ToastView, warn } from '@trunkline/client';
import type { CSSProperties, ReactElement } from 'react';
import type { Action, ExternalToast, toast as sonnerToast } from 'sonner';

const LOOK_FOR_TOASTER_MS = 5000;

/** Shows toasts with sonner. */
export function createSonnerToasts(sonner: typeof sonnerToast): ToastAdapter {
  // sonner says "dismissed" for our own dismissals too, and only the user's count as closing
  const dismissing = new Set<string>();
  let hasLooked = !isDevelopment();
  return {
    show(view) {
      dismissing.delete(view.id);
      const onDismiss = () => {
        if (!dismissing.delete(view.id)) view.onClose();
      };
      showView(sonner, view, onDismiss);
      if (!hasLooked) setTimeout(warnWithoutToaster, LOOK_FOR_TOASTER_MS);
      hasLooked = true;
    },
    dismiss(id) {
      dismissing.add(id);
      sonner.dismiss(id);
    },
  };
}

function showView(sonner: typeof sonnerToast, view: ToastView, onDismiss: () => void): void {
  const options: ExternalToast = {
    id: view.id,
    duration: view.durationMs,
    closeButton: true,
    onDismiss,
    // named even when empty: an update in place keeps what it does not name
    icon: undefined,
    action: actionOf(view),
    description: view.description === '' ? undefined : view.description,
  };
  switch (view.kind) {
    case 'running':
      // not `loading`: sonner gives that one no close button
      sonner.message(<span aria-hidden="true">{view.title}</span>, {
        ...options,
        icon: <Spinner view={view} />,
        description: <Progress view={view} />,
      });
      return;
    case 'success':
      sonner.success(view.title, options);
      return;
    case 'error':
      sonner.error(view.title, options);
      return;
    case 'cancelled':
      sonner.message(view.title, options);
  }
}

/** What the button does shows in the toast itself, which therefore stays. */
function actionOf({ action }: ToastView): Action | undefined {
  if (!action) return undefined;
  return {
    label: action.label,
    onClick: (event) => {
      event.preventDefault();
      action.onClick();
    },
  };
}

const HIDDEN: CSSProperties = {
  position: 'absolute',
  width: 1,
  height: 1,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
  whiteSpace: 'nowrap',
};

/** What is seen is not said: only the announcement is, and it changes three times in all. */
function Spinner({ view }: { view: ToastView }): ReactElement {
  const { announcement, percentage } = view;
  const isAlone = percentage === undefined;
  const role = isAlone
    ? { role: 'progressbar', 'aria-label': barLabel(view) }
    : { 'aria-hidden': true };
  return (
    <>
      <svg width="16" height="16" viewBox="0 0 16 16" fill="none" {...role}>
        <circle cx="8" cy="8" r="6.5" stroke="currentColor" strokeWidth="2" opacity=".2" />
        <path d="M14.5 8A6.5 6.5 0 0 0 8 1.5" stroke="currentColor" strokeWidth="2">
          <animateTransform
            attributeName="transform"
            type="rotate"
            from="0 8 8"
            to="360 8 8"
            dur="1s"
            repeatCount="indefinite"
          />
        </path>
      </svg>
      <span style={HIDDEN}>{announcement}</span>
    </>
  );
}

const TRACK: CSSProperties = {
  display: 'block',
  height: 4,
  marginTop: 6,
  borderRadius: 2,
  overflow: 'hidden',
  background: 'color-mix(in srgb, currentColor 15%, transparent)',
};
const FILL: CSSProperties = {
  display: 'block',
  height: '100%',
  background: 'currentColor',
  transition: 'width .2s',
};

function Progress({ view }: { view: ToastView }): ReactElement {
  const { description, percentage } = view;
  return (
    <>
      <span aria-hidden="true">{description}</span>
      {percentage === undefined ? null : (
        <span
          role="progressbar"
          aria-label={barLabel(view)}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={percentage}
          style={TRACK}
        >
          <span style={{ ...FILL, width: `${percentage}%` }} />
        </span>
      )}
    </>
  );
}

/** A bar has a name also where nothing is announced. */
function barLabel({ announcement, title }: ToastView): string {
  return announcement === '' ? title : announcement;
}

/** The section is there from the start, the list while there are toasts. */
const TOASTER = '[data-sonner-toaster], section[aria-live="polite"][data-react-aria-top-layer]';

function warnWithoutToaster(): void {
  if (document.querySelector(TOASTER)) return;
  warn(
    "There is no sonner <Toaster /> on the page, so operations' toasts stay invisible. Add it once:\n" +
      "  import { Toaster } from 'sonner'\n" +
      '  <Toaster />   // in the layout',
  );
}
