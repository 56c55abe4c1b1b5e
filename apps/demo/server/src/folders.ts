import { join } from 'node:path';

// This file stands directly in `src`, and the built one in `dist`: the same step up for both.
/** `apps/demo/server`. */
export const serverFolder: string = join(import.meta.dirname, '..');

/** `apps/demo/web/dist`: the built pages. */
export const webFolder: string = join(serverFolder, '..', 'web', 'dist');

/** `apps/demo/sample`: CSV files to try the import with. */
export const sampleFolder: string = join(serverFolder, '..', 'sample');

/** The repository. */
export const rootFolder: string = join(serverFolder, '..', '..', '..');
