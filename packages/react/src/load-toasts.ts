import { createDomToasts, type ToastAdapter } from '@trunkline/client';
import { createSonnerToasts } from './sonner-toasts.tsx';

/** The default toasts: sonner's if the app has it, else plain ones. */
export async function loadToasts(): Promise<ToastAdapter> {
  try {
    const { toast } = await import('sonner');
    return createSonnerToasts(toast);
  } catch {
    return createDomToasts();
  }
}
