// bundlers replace exactly this expression; a browser without one throws, and is production
declare const process: { readonly env: { readonly NODE_ENV?: string } };

/** Is this a development build? */
export function isDevelopment(): boolean {
  try {
    return process.env.NODE_ENV !== 'production';
  } catch {
    return false;
  }
}

/** Tells the developer, in development only. */
export function warn(message: string): void {
  if (isDevelopment()) console.warn(`[trunkline] ${message}`);
}

/** Receives what went wrong in the app's own code: a handler, a callback, `getToken`. */
export type OnError = (error: unknown) => void;

/** Reports an error of the app and never throws: not even when `onError` does. */
export function report(error: unknown, onError: OnError | undefined): void {
  try {
    if (onError) onError(error);
    else console.error('[trunkline]', error);
  } catch (second) {
    console.error('[trunkline] onError itself failed', second);
  }
}

/** Runs the app's code; an error, thrown or rejected, goes to `onError`. */
export function guard(run: () => unknown, onError: OnError | undefined): void {
  try {
    const result = run();
    if (result instanceof Promise) result.catch((error: unknown) => report(error, onError));
  } catch (error) {
    report(error, onError);
  }
}
