import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The processes that this one has started and that still run. */
export function childrenOf(pid: number): number[] {
  const table = existsSync('/proc/self/stat') ? linuxTable() : portableTable();
  return table.filter(({ parent }) => parent === pid).map((entry) => entry.pid);
}

/** Does it still run? One that has ended and that nobody has asked about yet does not. */
export function isRunning(pid: number): boolean {
  const entry = readEntry(pid);
  if (entry) return entry.state !== 'Z' && entry.state !== 'X';
  if (existsSync('/proc/self/stat')) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly state?: string;
}

function linuxTable(): Entry[] {
  return readdirSync('/proc').flatMap((name) => readEntry(Number(name)) ?? []);
}

/** `12 (a name) S 7 …`: the name may hold spaces and brackets, so the last bracket ends it. */
function readEntry(pid: number): Entry | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { pid, state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

function portableTable(): Entry[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).split('\n');
  return lines.map((line) => {
    const [pid, parent] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent) };
  });
}
