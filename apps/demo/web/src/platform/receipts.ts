import { toast } from 'sonner';

/** What the server answers to a send. */
export interface SendAnswer {
  receipt: { status: 'accepted' } | { status: 'dropped' | 'unknown'; reason: string };
}

/** Tells what became of a send; `title` is what has been done if it was accepted. */
export function tellReceipt(title: string, { receipt }: SendAnswer): void {
  if (receipt.status === 'accepted') toast.success(title);
  else if (receipt.status === 'dropped') toast.error('Not sent', { description: receipt.reason });
  else toast.warning('It may not have been sent', { description: receipt.reason });
}
