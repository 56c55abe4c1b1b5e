import { readFileSync } from 'node:fs';

/** How long the machine's cores have worked so far, and this process with them. */
export interface Busy {
  readonly machineMs: number;
  readonly ownMs: number;
}

/** The kernel counts in hundredths of a second, whatever its own clock is. */
const TICK_MS = 10;

/** `null` where there is no /proc. */
export function busyNow(): Busy | null {
  const [line = ''] = readStat().split('\n', 1);
  const [user, nice, system, , , interrupts, softInterrupts] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  if (user === undefined) return null;
  const ticks = [user, nice, system, interrupts, softInterrupts];
  const own = process.cpuUsage();
  return {
    machineMs: ticks.reduce<number>((sum, count) => sum + (count ?? 0), 0) * TICK_MS,
    ownMs: (own.user + own.system) / 1_000,
  };
}

/** Cores that somebody else has used since. */
export function othersSince(
  before: Busy | null,
  now: Busy | null,
  { ms, ownCpuMs }: { ms: number; ownCpuMs: number },
): number | null {
  if (!before || !now) return null;
  const runnerMs = now.ownMs - before.ownMs;
  const othersMs = now.machineMs - before.machineMs - runnerMs - ownCpuMs;
  return Math.max(0, othersMs / ms);
}

function readStat(): string {
  try {
    return readFileSync('/proc/stat', 'utf8');
  } catch {
    return '';
  }
}
