import type { ToastAdapter, ToastView } from '@trunkline/client';

/** The toasts of one page, as they stand: what an adapter has been told to show. */
export class Screen implements ToastAdapter {
  readonly toasts = new Map<string, ToastView>();

  show(toast: ToastView): void {
    this.toasts.set(toast.id, toast);
  }

  dismiss(id: string): void {
    this.toasts.delete(id);
  }

  /** Those of an operation: of one that the user had not closed there is never more than one. */
  of(operationId: string): ToastView[] {
    return [...this.toasts.values()].filter(({ id }) => id.split(':').includes(operationId));
  }
}
