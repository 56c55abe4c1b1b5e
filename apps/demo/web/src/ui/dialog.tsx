import { X } from 'lucide-react';
import { AlertDialog, Dialog as RadixDialog } from 'radix-ui';
import type { FormEvent, ReactNode } from 'react';
import { Button } from './button.tsx';
import { Problem } from './problem.tsx';

const OVERLAY = 'fixed inset-0 z-40 bg-black/40 backdrop-blur-[2px]';
const CONTENT =
  'fixed top-1/2 left-1/2 z-50 max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] max-w-md ' +
  '-translate-1/2 animate-appear overflow-y-auto rounded-2xl border border-line bg-surface p-6 shadow-overlay';

interface FormDialogProps {
  title: string;
  description: ReactNode;
  /** The word on the button that does it. */
  submitLabel: string;
  isPending: boolean;
  /** Why it has not worked. */
  problem: string | null;
  onClose: () => void;
  onSubmit: () => void;
  children: ReactNode;
}

/** A form over the page, open for as long as it is mounted. */
export function FormDialog(props: FormDialogProps) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    // React bubbles it to a form that the dialog was opened from
    event.stopPropagation();
    if (!props.isPending) props.onSubmit();
  };
  return (
    <RadixDialog.Root open onOpenChange={props.onClose}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className={OVERLAY} />
        <RadixDialog.Content className={CONTENT}>
          <RadixDialog.Title className="pr-8 font-semibold tracking-tight">
            {props.title}
          </RadixDialog.Title>
          <RadixDialog.Description className="mt-1.5 text-sm text-pretty text-muted">
            {props.description}
          </RadixDialog.Description>
          <form noValidate onSubmit={submit} className="mt-5 flex flex-col gap-4">
            {props.problem === null ? null : <Problem>{props.problem}</Problem>}
            {props.children}
            <div className="mt-2 flex flex-wrap justify-end gap-2">
              <RadixDialog.Close asChild>
                <Button>Cancel</Button>
              </RadixDialog.Close>
              <Button type="submit" variant="primary" disabled={props.isPending}>
                {props.submitLabel}
              </Button>
            </div>
          </form>
          <RadixDialog.Close asChild>
            <Button
              variant="quiet"
              size="icon"
              aria-label="Close"
              className="absolute top-4 right-4"
            >
              <X aria-hidden="true" />
            </Button>
          </RadixDialog.Close>
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}

interface ConfirmProps {
  /** The button that asks. */
  trigger: ReactNode;
  title: string;
  description: ReactNode;
  /** The word on the button that does it. */
  confirmLabel: string;
  onConfirm: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm({ trigger, title, description, confirmLabel, onConfirm }: ConfirmProps) {
  return (
    <AlertDialog.Root>
      <AlertDialog.Trigger asChild>{trigger}</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={OVERLAY} />
        <AlertDialog.Content className={CONTENT}>
          <AlertDialog.Title className="font-semibold tracking-tight">{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-sm text-pretty text-muted">
            {description}
          </AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>Cancel</Button>
            </AlertDialog.Cancel>
            <AlertDialog.Action asChild>
              <Button variant="danger" onClick={onConfirm}>
                {confirmLabel}
              </Button>
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
