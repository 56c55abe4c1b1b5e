// A process that takes a directory and keeps it, for pglite-lock.test.ts.
import { lockDirectory } from '@trunkline/operations/pglite';

try {
  lockDirectory(process.argv[2] ?? '');
  process.send?.('mine');
  setInterval(() => {}, 60_000);
} catch (error) {
  process.send?.((error as Error).message);
  process.exitCode = 1;
  process.disconnect();
}
