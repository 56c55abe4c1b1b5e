import { createDomToasts, type ToastAdapter } from '@trunkline/client';
import { createSonnerToasts } from './sonner-toasts.tsx';

type ImportSonner = () => Promise<typeof import('sonner')>;

/** The default toasts: sonner's if the app has it, else plain ones. */
export function loadToasts(): Promise<ToastAdapter> {
  return loadToastsOf(() => import('sonner'));
}

/** @internal */
export async function loadToastsOf(importSonner: ImportSonner): Promise<ToastAdapter> {
  try {
    const { toast } = await importSonner();
    return createSonnerToasts(toast);
  } catch (error) {
    // the app has it: the next try may find it
    if (isNetworkFailure(error)) throw error;
    return createDomToasts();
  }
}

/** The words of Chrome, Firefox, Safari and webpack for a chunk that could not be fetched. */
function isNetworkFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const words = /dynamically imported module|module script failed|loading (css )?chunk/i;
  return error.name === 'ChunkLoadError' || words.test(error.message);
}
