import { writeFile } from 'node:fs/promises';
import type { Session } from 'node:inspector/promises';

const INTERVAL_MICROSECONDS = 250;

let session: Session | null = null;

/** Notes from now on where this process spends its time. */
export async function startProfile(): Promise<void> {
  // Not at the top: Bun has none.
  const { Session } = await import('node:inspector/promises');
  session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: INTERVAL_MICROSECONDS });
  await session.post('Profiler.start');
}

/** Writes it down, for Chrome's developer tools and report/hottest.ts. */
export async function endProfile({ file }: { file: string }): Promise<void> {
  if (!session) return;
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  await writeFile(file, JSON.stringify(profile));
}
